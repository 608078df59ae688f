"""The v03 wire contract: one JSON object an announcement, with the fields of sr3's ``sr_post(7)``.

Nearly every message holds only fields that a Post has, and is decoded and validated in one go. What that refuses is read again
field by field: older names are replaced, unknown fields are kept as the raw text they came as, Reports are told apart, and
what is still wrong is named.
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from winnowry.schemas.delivery import BODY_LIMIT
from winnowry.schemas.errors import Malformed
from winnowry.schemas.legacy import LEGACY, modernise
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.report import Report, read_report, write_fields
from winnowry.schemas.times import read_time

KNOWN = frozenset(field.encode_name for field in msgspec.structs.fields(Post)) - {"_foreign"}
"""The fields of a v03 body that a Post has a place for."""

_ALIASES = {"integrity": "identity", "retPath": "retrievePath"}
_TAKEN = KNOWN | _ALIASES.keys() | {"report"}
_decode = msgspec.json.Decoder(Post, strict=False).decode
_decode_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

DEPTH_LIMIT = 16
"""Mappings within mappings: what is nested deeper could be read, and not be written, or only nearer to the stack's bottom."""

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_v03(body: bytes) -> Post | Report:
    """Read a v03 body. Raises Malformed, naming the field that is wrong, and nothing else.

    >>> read_v03(b'{"pubTime": "20260101T000000.5", "baseUrl": "file:", "relPath": "a", "size": "17"}').size
    17
    """
    if len(body) > BODY_LIMIT:
        raise Malformed(Reason.BODY_TOO_LARGE, f"{len(body)} bytes")
    try:
        post = _decode(body)
    except _UNREADABLE:
        return _read_slowly(body)
    return check(post)


def write_v03(post: Post) -> bytes:
    """Return the v03 body of a Post; fields this software does not know go on as they came.

    Raises Malformed for what JSON cannot say: text that is no Unicode (a file name of stray bytes), or nesting without end.
    """
    try:
        return _write_foreign(post, post.foreign) if post.foreign else _encode(post)
    except (UnicodeEncodeError, RecursionError) as error:
        raise Malformed(Reason.FIELD_INVALID, f"cannot be written: {error}") from None


def write_report(post: Post, report: Report) -> bytes:
    """Return the v03 body that tells what became of ``post``: its fields without the content, and ``report``.

    Raises Malformed as ``write_v03`` does.
    """
    told = write_v03(replace(post, content=None) if post.content is not None else post)
    return told[:-1] + b',"report":' + bytes(write_fields(report)) + b"}"


def check(post: Post) -> Post:
    """Return a decoded Post as its own codec cannot check it: times read, nesting bounded, checksum on one line.

    Raises Malformed.
    """
    read_time(post.pub_time, "pubTime")
    _check_depth(post.file_op, "fileOp", DEPTH_LIMIT)
    _check_depth(post.blocks, "blocks", DEPTH_LIMIT)
    if post.mtime is not None:
        read_time(post.mtime, "mtime")
    if post.atime is not None:
        read_time(post.atime, "atime")
    fingerprint = post.fingerprint
    if fingerprint is not None and "\n" in fingerprint.value:
        return replace(post, fingerprint=replace(fingerprint, value=fingerprint.value.replace("\n", "")))
    return post


def is_foreign(name: str) -> bool:
    """Whether a field of this name is somebody else's, to be forwarded: not ours under any name, and not for inside a pump.

    >>> is_foreign("contentType"), is_foreign("integrity"), is_foreign("_deleteOnPost"), is_foreign("new_dir")
    (True, False, False, False)
    """
    return name not in _TAKEN and not name.startswith(("_", "new_"))


def read_known(known: dict[str, Any], foreign: dict[str, msgspec.Raw]) -> Post:
    """Return the Post of v03's fields, raw or plain. Raises Malformed, naming the field."""
    try:
        post = _decode(_encode(known))
    except msgspec.ValidationError as error:
        raise Malformed(Reason.FIELD_INVALID, str(error)) from None
    except (*_UNREADABLE, UnicodeEncodeError) as error:
        raise Malformed(Reason.BODY_UNREADABLE, str(error)) from None
    return check(replace(post, foreign=foreign) if foreign else post)


def _check_depth(value: Any, field: str, room: int) -> None:
    if not isinstance(value, dict | list):
        return
    if not room:
        raise Malformed(Reason.FIELD_INVALID, f"{field} is nested more than {DEPTH_LIMIT} deep")
    for inner in value.values() if isinstance(value, dict) else value:
        _check_depth(inner, field, room - 1)


def _read_slowly(body: bytes) -> Post | Report:
    fields = _read_fields(body)
    if "pubTime" not in fields and ("conformsTo" in fields or "links" in fields):
        raise Malformed(Reason.VERSION_UNKNOWN, "a WIS2 notification")
    report = fields.pop("report", None)
    for old, new in _ALIASES.items():
        if old in fields:
            fields.setdefault(new, fields[old])
    if not LEGACY.isdisjoint(fields):
        _replace_legacy(fields)
    known = {name: value for name, value in fields.items() if name in KNOWN}
    post = read_known(known, {name: value for name, value in fields.items() if is_foreign(name)})
    return post if report is None else read_report(report, post)


def _read_fields(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        body.decode()  # raw values are passed on as they are, and must not pass on what is no UTF-8
        return _decode_raw(body)
    except _UNREADABLE as error:
        raise Malformed(Reason.BODY_UNREADABLE, str(error)) from None


def _replace_legacy(fields: dict[str, msgspec.Raw]) -> None:
    texts = {name: text for name in LEGACY & fields.keys() if isinstance(text := _text_of(fields[name]), str)}
    if not {"identity", "fileOp"}.isdisjoint(fields):
        texts = {"parts": texts["parts"]} if "parts" in texts else {}
    left = dict(texts)
    modern = modernise(left)
    for name in texts.keys() - left.keys():
        del fields[name]
    for name, value in modern.items():
        fields.setdefault(name, msgspec.Raw(_encode(value)))


def _text_of(value: msgspec.Raw) -> Any:
    return _decode_any(value) if bytes(value)[:1] == b'"' else None


def _write_foreign(post: Post, foreign: Any) -> bytes:
    known = _encode(replace(post, foreign={}))
    others = _encode({name: value for name, value in foreign.items() if is_foreign(name)})
    return known if others == b"{}" else known[:-1] + b"," + others[1:]
