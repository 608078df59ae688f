"""What is in a folder that somebody wants to announce."""

import os
import stat
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from winnowry.io.digest import HASHERS
from winnowry.io.disk import disk_error, disk_errors
from winnowry.schemas.errors import ConfigError, Refused, Terminal, Transient
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.paths import is_temporary
from winnowry.schemas.reasons import Reason

_PIECE = 1024 * 1024

Kind = Literal["file", "directory", "link"]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in a folder: ``path`` relative to it, ``size`` in bytes, ``mode`` as permission bits, times in nanoseconds.

    ``target`` is what a link says.
    """

    path: str
    kind: Kind
    size: int
    mode: int
    mtime: int
    atime: int
    target: str = ""


def walk(root: Path, under: str = "") -> Iterator[Found | Transient | Terminal]:
    """Yield what is at ``under`` and below it, sorted by name, directories before what they hold; never the root itself.

    Links are not followed; sockets, pipes, devices and temporaries of ours are passed over, and so is what vanishes meanwhile.
    What cannot be announced or read (a name that is not UTF-8, a directory without permission) is yielded as an error.
    """
    at = os.fsencode(root / under)
    found = _look(at, under) if under else None
    if found is not None:
        yield found
    if not under or (isinstance(found, Found) and found.kind == "directory"):
        yield from _below(at, f"{under}/" if under else "")


def hash_file(source: Path | int, method: str = "sha512") -> Fingerprint:
    """Return the Fingerprint of a file, given by path or by a descriptor that stands at its beginning, read in pieces.

    Raises DiskTrouble, and ConfigError for a method that says nothing about content.

    >>> hash_file(Path("/dev/null"), "md5").value
    '1B2M2Y8AsgTpgAmY7PhCfg=='
    """
    if method not in HASHERS:
        raise ConfigError(f"checksum method {method!r} is none of {', '.join(sorted(HASHERS))}")
    running = HASHERS[method]()
    with disk_errors(str(source)), open(source, "rb", buffering=0, closefd=not isinstance(source, int)) as file:
        while piece := file.read(_PIECE):
            running.update(piece)
    return Fingerprint(method=method, value=b64encode(running.digest()).decode())


def _below(directory: bytes, prefix: str) -> Iterator[Found | Transient | Terminal]:
    """Go down with a list of our own: folders may be nested deeper than functions may call each other."""
    down = [_entries(directory, prefix)]
    while down:
        entry = next(down[-1], None)
        if entry is None:
            down.pop()
            continue
        at, found = entry
        yield found
        if isinstance(found, Found) and found.kind == "directory":
            down.append(_entries(at, f"{found.path}/"))


def _entries(directory: bytes, prefix: str) -> Iterator[tuple[bytes, Found | Transient | Terminal]]:
    try:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in entries)
    except FileNotFoundError:
        return
    except OSError as error:
        yield directory, disk_error(error, prefix)
        return
    for name in names:
        at = directory + b"/" + name
        found = _look(at, prefix + os.fsdecode(name))
        if found is not None:
            yield at, found


def _look(at: bytes, path: str) -> Found | Transient | Terminal | None:
    try:
        path.encode()
        status = os.lstat(at)
        kind = _kind(status.st_mode, path)
        if kind is None:
            return None
        target = str(Path(os.fsdecode(at)).readlink()) if kind == "link" else ""
        target.encode()
    except FileNotFoundError:
        return None
    except OSError as error:
        return disk_error(error, path)
    except UnicodeError:
        return Refused(Reason.PATH_UNUSABLE, f"{path!r} is not valid UTF-8")
    return Found(
        path=path,
        kind=kind,
        size=status.st_size,
        mode=stat.S_IMODE(status.st_mode),
        mtime=status.st_mtime_ns,
        atime=status.st_atime_ns,
        target=target,
    )


def _kind(mode: int, path: str) -> Kind | None:
    if stat.S_ISREG(mode):
        return None if is_temporary(path.rpartition("/")[2]) else "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "link" if stat.S_ISLNK(mode) else None
