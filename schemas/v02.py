"""The v02 wire contract, inward only: a line of text, and everything else in headers that are text."""

from collections.abc import Mapping
from typing import Any

import msgspec

from winnowry.schemas.delivery import BODY_LIMIT
from winnowry.schemas.errors import Malformed
from winnowry.schemas.legacy import modernise
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.report import Report, read_report
from winnowry.schemas.v03 import is_foreign, read_known

_PLAIN = frozenset(
    {"source", "from_cluster", "to_clusters", "mode", "rename", "retrievePath", "originPath", "private", "mtime", "atime"}
)
_TIMES = ("mtime", "atime")
_encode = msgspec.json.Encoder().encode


def read_v02(body: bytes, headers: Mapping[str, Any]) -> Post | Report:
    """Read ``<date> <baseUrl> <relPath>`` and its headers; four words more (code, host, user, seconds) make it a Report.

    Raises Malformed, naming the field that is wrong, and nothing else.

    >>> read_v02(b"20260101000000.5 http://example.org/ a/foo%201%23x.txt", {"parts": "1,17,1,0,0"}).rel_path
    'a/foo 1#x.txt'
    """
    words = first_line(body).split()
    if len(words) not in (3, 7):
        raise Malformed(Reason.BODY_UNREADABLE, f"{len(words)} words, neither an announcement's 3 nor a report's 7")
    texts = {name: text_of(value) for name, value in headers.items() if not name.startswith("x-")}
    message = texts.pop("message", "") if len(words) == 7 else ""
    post = read_words(words[0], words[1], words[2], texts)
    return post if len(words) == 3 else _read_report(words, message, post)


def first_line(body: bytes) -> str:
    """Return the first line of a body of text; the rest of it is reserved. Raises Malformed."""
    if len(body) > BODY_LIMIT:
        raise Malformed(Reason.BODY_TOO_LARGE, f"{len(body)} bytes")
    try:
        return body.partition(b"\n")[0].decode()
    except UnicodeDecodeError as error:
        raise Malformed(Reason.BODY_UNREADABLE, str(error)) from None


def read_words(pub_time: str, base_url: str, rel_path: str, texts: dict[str, str]) -> Post:
    """Return the Post of a line's words and its headers. Raises Malformed."""
    known: dict[str, Any] = modernise(texts)
    known |= {"pubTime": with_t(pub_time), "baseUrl": base_url, "relPath": unescape(rel_path)}
    known |= {name: with_t(text) if name in _TIMES else text for name, text in texts.items() if name in _PLAIN}
    return read_known(known, {name: _quote(name, text) for name, text in texts.items() if is_foreign(name)})


def with_t(text: str) -> str:
    """Return v03's form of a time stamp.

    >>> with_t("20260101000000.5")
    '20260101T000000.5'
    """
    return f"{text[:8]}T{text[8:]}" if text[8:9].isdigit() else text


def unescape(rel_path: str) -> str:
    """Return a path as v03 has it: v02 writes a space and a number sign with percent, and nothing else."""
    return rel_path.replace("%20", " ").replace("%23", "#")


def text_of(value: Any) -> str:
    """Return a header's value as text; every producer writes text, but AMQP allows anything."""
    return value.decode(errors="replace") if isinstance(value, bytes | bytearray) else str(value)


def _quote(name: str, text: str) -> msgspec.Raw:
    try:
        return msgspec.Raw(_encode(text))
    except UnicodeEncodeError as error:
        raise Malformed(Reason.FIELD_INVALID, f"header {name[:64]!r}: {error.reason}") from None


def _read_report(words: list[str], message: str, post: Post) -> Report:
    told = {
        "code": words[3],
        "timeCompleted": post.pub_time,
        "message": _quote("message", message),
        "elapsedTime": words[6],
        "host": words[4],
        "user": words[5],
    }
    return read_report(msgspec.Raw(_encode(told)), post)
