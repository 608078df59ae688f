"""Whether two trees are the same, down to modes and nanoseconds."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """One path of a tree. A file is known by content, mode and mtime, a link by its target, a folder by being there."""

    kind: str
    size: int = 0
    digest: bytes = b""
    mode: int = 0
    mtime_ns: int = 0
    target: str = ""


Tree = Mapping[str, Entry]
"""Entries by their path below the root."""


def survey(root: Path) -> Tree:
    """Return what there is below ``root``, following no link."""
    return {os.path.relpath(path, root): _entry(path) for path in _walk(root)}


def differences(expected: Tree, found: Tree) -> list[str]:
    """Say, a line each, what is missing, what is too much and what differs in ``found``; nothing when the trees are alike.

    >>> differences({"a": Entry("file", mode=0o644)}, {"a": Entry("file", mode=0o600), "b": Entry("folder")})
    ["'a' differs in mode: 0o600 instead of 0o644", "'b' should not be there"]
    """
    missing = [f"{path!r} is missing" for path in sorted(expected.keys() - found.keys())]
    common = sorted(expected.keys() & found.keys())
    changed = [f"{path!r} {change}" for path in common if (change := _change(expected[path], found[path]))]
    return missing + changed + [f"{path!r} should not be there" for path in sorted(found.keys() - expected.keys())]


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            yield Path(folder, name)


def _entry(path: Path) -> Entry:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return Entry("link", target=os.readlink(path))  # noqa: PTH115 - Path would tidy the target
    if stat.S_ISDIR(status.st_mode):
        return Entry("folder")
    if not stat.S_ISREG(status.st_mode):
        return Entry("special file")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return Entry("file", status.st_size, digest, stat.S_IMODE(status.st_mode), status.st_mtime_ns)


def _change(was: Entry, now: Entry) -> str:
    changes = (
        (was.kind != now.kind, f"is a {now.kind} instead of a {was.kind}"),
        (was.target != now.target, f"points at {now.target!r} instead of {was.target!r}"),
        (was.size != now.size, f"has {now.size} bytes instead of {was.size}"),
        (was.digest != now.digest, "differs in content"),
        (was.mode != now.mode, f"differs in mode: {now.mode:#o} instead of {was.mode:#o}"),
        (was.mtime_ns != now.mtime_ns, f"differs in mtime: {now.mtime_ns} instead of {was.mtime_ns} ns"),
    )
    return next((text for differs, text in changes if differs), "")


def flip_a_byte(root: Path, tree: Tree) -> None:
    """Damage one file of a tree that is like ``tree``, to see whether it is noticed."""
    name = next(path for path, entry in tree.items() if entry.kind == "file" and entry.size)
    content = bytearray((root / name).read_bytes())
    content[0] ^= 1
    (root / name).write_bytes(content)
