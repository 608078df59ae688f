"""Hostile messages whose bytes, headers or properties are wrong, and those of the older contracts v02 and v00."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

from hostile import JSON, LIMIT, NOWHERE, SMALL, TEXT, Hostile, everywhere, landed, nested, operated, passed, post

UNREADABLE = everywhere("malformed:body_unreadable")
INVALID = everywhere("malformed:field_invalid")
TOO_LARGE = everywhere("malformed:body_too_large")
UNKNOWN = everywhere("malformed:version_unknown")
IGNORED = everywhere("refused:unexpected_report")
"""A Report is answered by nobody; it is counted."""


def _with(name: str, raw: bytes) -> bytes:
    return post(name)[:-1] + b", " + raw + b"}"


def bodies() -> Iterator[Hostile]:
    """Yield bodies that are no JSON, or no JSON of ours."""
    unreadable = {
        "empty": b"",
        "a brace": b"{",
        "half": post("half")[:-9],
        "two": post("two") * 2,
        "list": b"[1, 2]",
        "list of v1": b'["20260101T000000.5", "http://h/", "a", {}]',
        "null": b"null",
        "text": b'"evil"',
        "number": b"1e999",
        "open for ever": b"{" * 100_000,
        "lists for ever": b"[" * 500_000,
        "mappings for ever": b'{"a":' * 100_000,
        "NUL alone": b"\0",
        "NUL behind": post("NUL behind") + b"\0",
        "invalid UTF-8": b'{"relPath": "\xff"}',
        "UTF-8 of a surrogate": _with("UTF-8 of a surrogate", b'"relPath": "\xed\xa0\x80"'),
        "overlong slash": _with("overlong slash", b'"relPath": "..\xc0\xafx"'),
        "lone surrogate": _with("lone surrogate", b'"relPath": "\\ud800"'),
        "byte order mark": b"\xef\xbb\xbf" + post("byte order mark"),
        "UTF-16": post("UTF-16").decode().encode("utf-16"),
        "line feed in a text": _with("line feed in a text", b'"relPath": "a\nb"'),
        "comment": _with("comment", b"/* evil */"),
        "single quotes": b"{'relPath': 'evil'}",
        "not a number": _with("not a number", b'"size": NaN'),
        "infinite": _with("infinite", b'"flow": Infinity'),
        "compressed": gzip.compress(post("compressed"), mtime=0),
        "markup": b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
        "every byte": bytes(range(256)),
    }
    for name, body in unreadable.items():
        yield Hostile(name=name, body=body, ends=UNREADABLE)
    for name, raw in {"size without end": b'"size": 1e999', "size of 5000 digits": b'"size": ' + b"9" * 5000}.items():
        yield Hostile(name=name, body=_with(name, raw), ends=INVALID)
    for name, raw in {"blocks of 5000 digits": b'"blocks": {"number": ' + b"9" * 5000 + b"}"}.items():
        yield Hostile(name=name, body=_with(name, raw), ends=INVALID)
    for depth in (500, 100_000):
        name = f"operation nested {depth} deep"
        raw = b'"fileOp": ' + b'{"a":' * depth + b"1" + b"}" * depth
        yield Hostile(name=name, body=_with(name, raw), ends=INVALID if depth == 500 else UNREADABLE)
    said_twice = post("said twice", "evil twice", **SMALL)[:-1] + b', "relPath": "../evil"}'
    yield Hostile(name="said twice", body=said_twice, ends=everywhere("refused:path_outside_root"))
    wis2 = b'{"type": "Feature", "conformsTo": ["x"], "links": [], "properties": {}}'
    yield Hostile(name="of the WMO", body=wis2, ends=UNKNOWN)


def sizes() -> Iterator[Hostile]:
    """Yield bodies around the largest that is read."""
    room = LIMIT - len(post("just fits", "fits", **SMALL, filler=""))
    yield Hostile(name="just fits", body=post("just fits", "fits", **SMALL, filler="x" * room), ends=_fits(), lands="fits")
    yield Hostile(name="one byte more", body=post("one byte more", filler="x" * LIMIT)[: LIMIT + 1], ends=TOO_LARGE)
    yield Hostile(name="two megabytes", body=b"{" + b" " * 2 * LIMIT + b"}", ends=TOO_LARGE)
    yield Hostile(name="a line too long", body=b"x" * (LIMIT + 1), content_type=TEXT, ends=TOO_LARGE)
    many = {f"field {number}": number for number in range(30_000)}
    yield Hostile(name="many fields", body=post("many fields", "many", **SMALL, **many), ends=landed(), lands="many")


def _fits() -> dict[str, str]:
    """A user's Post is stamped, so that it grows beyond what the next pump would read; others are passed on as they are."""
    return landed(sarra="malformed:body_too_large")


def types() -> Iterator[Hostile]:
    """Yield messages of content types and topics that do not fit their bodies."""
    line = b"20260101000000.5 http://127.0.0.1:1/ evil"
    for content_type in ("application/x-protobuf", "image/png", "x" * 255, "\x1b[2J", "application/json-seq"):
        yield Hostile(name=f"type {content_type:.16}", body=line, content_type=content_type, ends=UNKNOWN)
    yield Hostile(name="line as JSON", body=line, content_type=JSON, ends=UNREADABLE)
    for number, content_type in enumerate((None, "", "image/png", "APPLICATION/JSON; charset=x", TEXT)):
        name = f"JSON as {content_type}"
        body = post(name, f"typed {number}", **SMALL)
        yield Hostile(name=name, body=body, content_type=content_type, ends=landed(), lands=f"typed {number}")
    for number, key in enumerate(("", ".", "v99.x", "é" * 127, "#.*.#", "\0\x1b", "v00." + "x" * 251)):
        name = f"topic {number}"
        yield Hostile(name=name, body=post(name, name, **SMALL), key=key, ends=landed(), lands=name)


def reports() -> Iterator[Hostile]:
    """Yield Reports on an ordinary topic, as existing networks send them."""
    yield Hostile(name="report", body=post("report", report={"code": 201, "message": "\x1b[2J"}), ends=IGNORED)
    yield Hostile(
        name="report of evil", body=post("r", "../../evil", report={"resultCode": "499", "x": nested(9)}), ends=IGNORED
    )
    words = b"20260101000000.5 http://h/ ../evil 201 host user 0.5"
    yield Hostile(name="report of v02", body=words, content_type=TEXT, key="v02.report", ends=IGNORED)


def lines() -> Iterator[Hostile]:
    """Yield lines of text, and headers, that v02 and v00 have not."""
    start = b"20260101000000.5 http://127.0.0.1:1/ "
    for number, body in enumerate(
        (b"", b"\n", b"a", start, start + b"a b", b"\xff\xfe a b", b"\0", start + b"a " * 9, b"\xa0")
    ):
        yield Hostile(name=f"line {number}", body=body, content_type=TEXT, ends=UNREADABLE)
    for path in (b"../evil", b"/evil", b"a/..", b"%2e%2e/../x", b"%20/../%23"):
        ends = everywhere("refused:path_outside_root")
        yield Hostile(name=f"line {path.decode()}", body=start + path, content_type=TEXT, ends=ends)
    yield Hostile(name="line with NUL", body=start + b"e\0vil", content_type=TEXT, ends=everywhere("refused:path_unusable"))
    yield Hostile(name="line of no date", body=b"now http://h/ evil", content_type=TEXT, ends=INVALID)
    yield Hostile(name="line of a disk", body=b"20260101000000.5 file:/etc/ passwd", content_type=TEXT, ends=_not_allowed())
    yield from _v00()


def _not_allowed() -> dict[str, str]:
    return everywhere("refused:scheme_not_allowed")


def _v00() -> Iterator[Hostile]:
    digest = b"25d231ec0ae3c569ba27ab7a74dd72ce"
    bad = {b"x 1 http://h/ evil": INVALID, digest + b" -1 http://h/ evil": INVALID, digest + b" 1 http://h/": UNREADABLE}
    bad |= {digest + b" 1 http://127.0.0.1:1/ ../evil": everywhere("refused:path_outside_root")}
    bad |= {digest + b" " + b"9" * 40 + b" http://h/ evil": INVALID}
    for number, (body, ends) in enumerate(bad.items()):
        yield Hostile(name=f"v00 {number}", body=body, content_type=TEXT, key="v00.x", ends=ends)


def headers() -> Iterator[Hostile]:
    """Yield v02 lines with headers that are wrong, or of types that nobody sends."""
    wrong: tuple[dict[str, Any], ...] = (
        {"sum": "d,xyz"}, {"sum": "L,00"}, {"parts": "1,17"}, {"parts": "1,-17,1,0,0"}, {"parts": "i,400,3,250,3"},
        {"parts": 17}, {"parts": f"1,{'9' * 30},1,0,0"}, {"mtime": "soon"}, {"private": "maybe"}, {"sum": b"d,\xff"},
    )  # fmt: skip
    for number, table in enumerate(wrong):
        yield _line(f"header {number}", INVALID, table)
    escapes = {"sum": "L,00", "link": "/etc/passwd"}, {"sum": "l,00", "link": "../../x"}
    for number, table in enumerate(escapes):
        yield _line(f"link in a header {number}", everywhere("refused:link_outside_root"), table)
    renames = {"oldname": "../x"}, {"rename": "/x"}, {"oldname": "a", "sum": "L,00", "link": "/x"}
    for number, table in enumerate(renames):
        reason = "link_outside_root" if "link" in table else "rename_outside_root"
        yield _line(f"move in a header {number}", everywhere(f"refused:{reason}"), table)
    yield _line("removal in a header", operated(), {"sum": "R,00"})
    yield _line("above in a header", everywhere("refused:path_outside_root"), {"retrievePath": "../x"})
    yield _line("headers that do not fit", UNKNOWN, {"x": "x" * 40_000})
    yield _line("headers nested beyond reason", UNKNOWN, {"x": nested(30)})
    odd: dict[str, Any] = {
        "when": datetime(2026, 1, 1, tzinfo=UTC), "list": [1, "x", [None]], "table": nested(9), "bytes": b"\xff\0",
        "decimal": Decimal("1.5"), "long": 2**62, "nothing": None, "yes": True, "size": "-1", "relPath": "../x", "_x": "../y",
        "x-death": [{"count": 9}], "winnowry_attempt": 99, "winnowry_queue": "q_x", "winnowry_reason": "bug", "": "no name",
    }  # fmt: skip
    for name, value in odd.items():
        yield _line(f"header {name!r}", passed(), {name: value})
    together = post("headers beside JSON", "beside", **SMALL)
    yield Hostile(name="headers beside JSON", body=together, headers=odd, ends=landed(), lands="beside")


def _line(name: str, ends: dict[str, str], table: dict[str, Any]) -> Hostile:
    body = f"20260101000000.5 {NOWHERE} lines/{name.replace(' ', '%20').replace(chr(39), '')}".encode()
    return Hostile(name=name, body=body, content_type=TEXT, key="v02.post", headers=table, ends=ends)


def messages() -> Iterator[Hostile]:
    """Yield all of them."""
    yield from chain.from_iterable(group() for group in (bodies, sizes, types, reports, lines, headers))
