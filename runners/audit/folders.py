"""Compare a folder with what was announced to be in it. It reads names and bytes without any of the pumps' own code."""

import hashlib
import os
import stat
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import google_crc32c
import msgspec
from blake3 import blake3

from winnowry.runners.audit.evidence import Finding, Version, finding

_HASHERS = {
    "md5": hashlib.md5,
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
    "blake3": blake3,
    "crc32c": google_crc32c.Checksum,
}
_PIECE = 1024 * 1024
_SUFFIX = ".winnowry"


Window = tuple[float, float]
"""From when to when, in Unix time."""


class Promise(msgspec.Struct, gc=False):
    """What may be at a place: the last word, and words of repeats since. ``firm`` says that something has to be there."""

    versions: tuple[Version, ...]
    firm: bool = True


class Found(msgspec.Struct, frozen=True):
    """What a folder shows: the places that are as they ought to be, the leftovers, and how the others are wrong."""

    present: frozenset[str]
    leftovers: int
    wrong: dict[str, list[str]]


def look(root: Path, promises: dict[str, Promise], *, window: Window | None = None, keeps: bool = True) -> Found:
    """Go through a folder once and compare each file with its promise.

    ``window`` is when files that nobody spoke of must not have come, None for never; ``keeps`` is False where files may be
    taken away.
    """
    present: set[str] = set()
    wrong: dict[str, list[str]] = {"corrupt": [], "foreign": [], "missing": []}
    leftovers = 0
    seen: set[str] = set()
    for place, status in _walk(os.fsencode(root)):
        if _is_temporary(place):
            leftovers += 1
            continue
        promise = promises.get(place)
        if promise is None:
            if _is_foreign(place, status, window):
                wrong["foreign"].append(place)
            continue
        seen.add(place)
        if any(_is_as_said(root / place, status, version) for version in promise.versions):
            present.add(place)
        elif place not in present:
            wrong["corrupt"].append(place)
    if keeps:
        wrong["missing"] += [place for place, promise in promises.items() if promise.firm and place not in seen]
    return Found(frozenset(present), leftovers, wrong)


def judge(found: Found, where: str) -> list[Finding]:
    """Return what is wrong with a folder."""
    return [
        *finding("corrupt", where, found.wrong["corrupt"], "not what was announced"),
        *finding("missing", where, found.wrong["missing"], "announced, and not there"),
        *finding("foreign", where, found.wrong["foreign"], "there, and never announced"),
    ]


def _is_foreign(place: str, status: os.stat_result, window: Window | None) -> bool:
    """Whether nobody may have put this here: a piece under a name that people see, or what came while everything was seen."""
    if stat.S_ISDIR(status.st_mode):
        return False
    return place.endswith(_SUFFIX) or window is None or window[0] <= status.st_ctime < window[1]


def _is_temporary(place: str) -> bool:
    name = place.rpartition("/")[2]
    return name.startswith(".") and name.endswith(_SUFFIX)


def _walk(root: bytes) -> Iterator[tuple[str, os.stat_result]]:
    down = [(root, "")]
    while down:
        folder, prefix = down.pop()
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            continue
        for entry in entries:
            place = prefix + os.fsdecode(entry.name)
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield place, status
            if stat.S_ISDIR(status.st_mode):
                down.append((entry.path, f"{place}/"))


def _is_as_said(path: Path, status: os.stat_result, version: Version) -> bool:
    if version.kind == "folder":
        return stat.S_ISDIR(status.st_mode)
    if version.kind == "link":
        return stat.S_ISLNK(status.st_mode) and os.readlink(path) == version.target  # noqa: PTH115 - Path would tidy it
    if version.kind != "file" or not stat.S_ISREG(status.st_mode):
        return False
    if version.size is not None and status.st_size != version.size:
        return False
    return version.method not in _HASHERS or _checksum(path, version.method) == version.value


def _checksum(path: Path, method: str) -> str:
    running = _HASHERS[method]()
    try:
        with path.open("rb", buffering=0) as file:
            while piece := file.read(_PIECE):
                running.update(piece)
    except OSError as error:
        return error.strerror or "unreadable"
    return b64encode(running.digest()).decode()
