"""Hostile fields: of wrong types, with numbers and times that are none, with contents and checksums that do not fit."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from hostile import (
    NULL,
    SMALL,
    Hostile,
    everywhere,
    landed,
    malformed,
    nested,
    passed,
    post,
    refused,
)


def numbers() -> Iterator[Hostile]:
    """Yield sizes, modes, times and spans that are none."""
    yield from malformed(
        {f"size {size!r:.20}": {"size": size} for size in (-1, 2**63, 10**30, 1.5, "x", "", "-1", "9" * 400, [])}
    )
    stamps = (
        "",
        "now",
        "2026",
        "20261301T000000.0",
        "20260101T250000.0",
        "20260101T000000.x",
        "-0260101T000000.0",
        "٢" * 8,
        "9" * 99,
    )
    yield from malformed({f"{field} {text!r:.20}": {field: text} for field in ("pubTime", "mtime", "atime") for text in stamps})
    yield from refused({"of the last year": {"pubTime": "99991231T235959.0"}}, "too_young")
    yield Hostile(name="of the first year", body=post("of the first year", "first", pubTime="00010101T000000.0"), ends=passed())
    times = {"mtime": "99991231T235960.999", "atime": "00010101T000000.0"}
    yield Hostile(
        name="changed in the last year",
        body=post("changed in the last year", "changed", **SMALL, **times),
        ends=landed(),
        lands="changed",
    )
    for mode in ("-1", "abc", "999", "", "7" * 30, "0x1ff", "7_7", " 7", "+7", "\u0667"):
        ends = everywhere("malformed:field_invalid", winnow="announced:done")
        yield Hostile(name=f"mode {mode:.9}", body=post(f"mode {mode:.9}", mode=mode), ends=ends)
    setuid = post("set-user-id", "setuid", **SMALL, mode="6777")
    yield Hostile(name="set-user-id", body=setuid, ends=landed(), lands="setuid")
    blocks = (
        {"size": -1},
        {"count": 10**300},
        {"count": 2, "number": {}},
        {"manifest": []},
        {"method": nested(14)},
        {"manifest": {"0": 1, "1": 2}},
    )
    for number, span in enumerate(blocks):
        ends = everywhere("refused:unsupported_blocks", relays="announced:done")
        yield Hostile(name=f"block {number}", body=post(f"block {number}", blocks=span), ends=ends)


def contents() -> Iterator[Hostile]:
    """Yield files carried in the Post that are none, and checksums that say nothing, or another thing."""
    bad = (
        {"encoding": "base64", "value": "?"},
        {"encoding": "utf-16", "value": "x"},
        {"encoding": "iso-8859-1", "value": "日"},
    )
    for number, content in enumerate(bad):
        ends = everywhere("malformed:content_unreadable", relays="announced:done")
        yield Hostile(name=f"content {number}", body=post(f"content {number}", content=content), ends=ends)
    wrong = {
        "longer": ({"size": 0}, "failed:size_mismatch"),
        "shorter": ({"size": 2}, "failed:truncated"),
        "another checksum": ({"identity": {"method": "md5", "value": "1B2M2Y8AsgTpgAmY7PhCfg=="}}, "failed:checksum_mismatch"),
        "half a checksum": ({"identity": {"method": "sha512", "value": "AA=="}}, "failed:checksum_mismatch"),
        "no base64": ({"identity": {"method": "sha512", "value": "\x1b?"}}, "malformed:field_invalid"),
    }
    for name, (fields, ending) in wrong.items():
        yield Hostile(name=name, body=post(name, **(SMALL | fields)), ends=everywhere("announced:done", fetchers=ending))
    for method, value in (
        ("random", "1"),
        ("cod", "crc7"),
        ("cod", ""),
        ("arbitrary", ""),
        ("md5name", "x"),
        ("sha512", ""),
        ("__import__", "x"),
    ):
        name = f"says nothing, {method} {value}"
        body = post(name, name, **SMALL, identity={"method": method, "value": value})
        yield Hostile(name=name, body=body, ends=landed(), lands=name)


WRONG: dict[str, tuple[Any, ...]] = {
    "pubTime": (17, True, [], {}, NULL, None),
    "baseUrl": (17, True, [], {}, NULL, None),
    "relPath": (17, True, [], {}, NULL),
    "retrievePath": (17, True, [], {}),
    "originPath": (17, [], {}),
    "rename": (17, [], {}),
    "source": (17, [], {}),
    "from_cluster": (17, [], {}),
    "to_clusters": (17, [], ["ALL"]),
    "private": ("maybe", 17, []),
    "mode": (0o644, [], {}),
    "mtime": (1.5, [], {}),
    "atime": (1.5, [], {}),
    "identity": ("md5", 17, [], {}, {"value": "x"}, {"method": 17}, {"method": "md5", "value": {}}),
    "fileOp": ("remove", 17, [], True, nested(17), {"link": nested(16)}),
    "blocks": ("1", 17, [], True, nested(17), nested(400)),
    "content": ("x", 17, [], {}, {"encoding": "utf-8"}, {"encoding": 1, "value": "x"}, {"encoding": "utf-8", "value": 1}),
    "report": (17, [], "x", {}, {"code": "x"}, {"code": -1}),
    "parts": ("1,x,1,0,0", "i,4,3,2,9", "1", ","),
    "sum": ("d,x", "L,00"),
}


def types() -> Iterator[Hostile]:
    """Yield each field with values of types that it cannot have."""
    for field, values in WRONG.items():
        yield from malformed({f"{field} is {_told(value)}": {field: value} for value in values})


def _told(value: object) -> str:
    return "null" if value is NULL else "missing" if value is None else f"{value!r:.24}"


def fields() -> Iterator[Hostile]:
    """Yield Posts with hostile fields."""
    yield from chain.from_iterable(group() for group in (numbers, contents, types))
