"""Hostile paths: those that lead out, those that no disk can hold, and those that only look odd."""

from collections.abc import Iterator
from itertools import chain

from hostile import (
    SMALL,
    Hostile,
    everywhere,
    landed,
    on_disk,
    passed,
    post,
    refused,
)

OUTSIDE = {
    "parent": "../evil",
    "parent of parents": "../../../../../../../../etc/evil",
    "parent within": "a/../../evil",
    "parent at the end": "a/..",
    "parent alone": "..",
    "parent before a slash": "../",
    "absolute": "/evil",
    "absolute, of the system": "/etc/passwd",
    "absolute, doubled": "//evil",
    "absolute and parent": "/../evil",
    "parent behind a dot": "./../evil",
    "parent behind an empty name": "a//../../evil",
}
UNUSABLE = {
    "NUL": "a\0b",
    "NUL before a parent": "a\0/../evil",
    "NUL at the end": "evil\0.txt",
    "dot": ".",
    "dot within": "a/./evil",
    "empty name": "a//evil",
    "slash at the end": "evil/",
    "escape": "\x1b[2Jevil",
    "bell": "evil\x07",
    "return": "evil\rgood",
    "delete": "evil\x7f",
    "vertical tab": "evil\x0b",
    "name of 256 bytes": "e" * 256,
    "name of 129 letters of two bytes": "é" * 129,
    "folder of 256 bytes": "e" * 256 + "/evil",
    "path of 4097 bytes": "e/" * 2048 + "e",
    "path of a quarter of a million bytes": "e/" * 125_000 + "e",
}
ODD = {
    "percent parent": "%2e%2e/odd",
    "percent slash": "..%2fodd",
    "percent twice": "%252e%252e%252fodd",
    "percent NUL": "odd%00",
    "backslash parent": "..\\..\\odd",
    "drive": "C:\\odd",
    "look-alike dots": "\u2024\u2024/odd",
    "look-alike slash": "..\u2215odd",
    "full-width dots": "\uff0e\uff0e/odd",
    "two-dot leader": "\u2025/odd",
    "three dots": ".../odd",
    "trailing dots": "odd..",
    "trailing space": "odd ",
    "leading dash": "-rf",
    "tilde": "~root/odd",
    "variable": "$HOME/`id`;odd",
    "line feed": "odd\nline",
    "bidi": "odd\u202egpj.exe",
    "zero width": "odd\u200b",
    "byte order mark in a name": "\ufeffodd",
    "NFC": "caf\u00e9 odd",
    "NFD": "cafe\u0301 odd",
    "capitals": "ODD CASE",
    "small letters": "odd case",
    "name of 255 bytes": "o" * 255,
    "deep": "o/" * 200 + "odd",
    "nearly a temporary": ".odd.winnowry.x",
    "reserved elsewhere": "CON",
    "noncharacter": "odd\uffff",
}
TEMPORARIES = {"temporary": ".evil.0f1e2d3c0.winnowry", "folder of a temporary": ".evil.winnowry/x"}
"""Names that our own temporaries have: a pump that writes must not let anybody have them."""


def rel_paths() -> Iterator[Hostile]:
    """Yield paths that lead out, that no disk can hold, and that only look odd; and links that were there before."""
    yield from refused({name: {"rel_path": path} for name, path in OUTSIDE.items()}, "path_outside_root")
    yield from refused({name: {"rel_path": path} for name, path in UNUSABLE.items()}, "path_unusable")
    yield from on_disk(ODD)
    barred = everywhere("announced:done", fetchers="refused:path_unusable")
    for name, path in (TEMPORARIES | {"through a planted link": "planted/evil"}).items():
        yield Hostile(name=name, body=post(name, path, **SMALL), ends=barred)
    made = everywhere("announced:operation_done", fetchers="refused:path_unusable")
    yield Hostile(
        name="folder in a planted link",
        body=post("folder in a planted link", "planted/evil 1", fileOp={"directory": ""}),
        ends=made,
    )
    yield Hostile(
        name="folder as a planted link",
        body=post("folder as a planted link", "planted", fileOp={"directory": ""}, mode="0"),
        ends=made,
    )
    yield Hostile(
        name="link in a planted link", body=post("link in a planted link", "planted/evil 2", fileOp={"link": "x"}), ends=made
    )
    in_place = post("in place of a planted link", "sown", **SMALL)
    yield Hostile(name="in place of a planted link", body=in_place, ends=landed(), lands="sown")


def other_paths() -> Iterator[Hostile]:
    """Yield paths in fields other than relPath."""
    for field, reason in (("originPath", "path_outside_root"), ("rename", "rename_outside_root")):
        texts = {f"{field} {name}": {field: path} for name, path in OUTSIDE.items() if path != "../"}
        yield from refused(texts, reason)
    unusable = {f"{field} with {what}": {field: text} for field in ("originPath", "rename") for what, text in _NONSENSE.items()}
    yield from refused(unusable, "path_unusable")
    tricks = ("../../etc/passwd", "%2e%2e/x", "a/%2E%2E%2Fx", "..%2fx", "?x=/../y", "/..")
    yield from refused({f"retrievePath {text}": {"retrievePath": text} for text in tricks}, "path_outside_root")
    harmless = (
        "%252e%252e/x",
        "..\\..\\x",
        "//evil.example.org/x",
        "@evil.example.org/x",
        "?x=y",
        "#x",
        "http://evil/x",
        "a\nb",
    )
    for text in harmless:
        name = f"retrievePath {text!r}"
        yield Hostile(name=name, body=post(name, f"odd {harmless.index(text)}", retrievePath=text), ends=passed())


_NONSENSE = {"NUL": "e\0vil", "an escape": "\x1bevil", "a long name": "e" * 256, "an empty name": "e//vil"}


def paths() -> Iterator[Hostile]:
    """Yield Posts with hostile paths."""
    yield from chain.from_iterable(group() for group in (rel_paths, other_paths))
