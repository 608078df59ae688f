"""What our own disk refuses, in our words: the one place where an OSError of a file becomes an error of ours."""

import errno
import os
from pathlib import Path
from types import TracebackType

from winnowry.schemas.errors import DiskTrouble, Refused, Terminal, Transient
from winnowry.schemas.reasons import Reason

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNUSABLE = frozenset(
    {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.EEXIST, errno.ENOTEMPTY}
)


def disk_error(error: OSError, place: str) -> Transient | Terminal:
    """Return what ``error``, met at ``place``, means for an Arrival.

    >>> disk_error(OSError(errno.ENOSPC, "No space left on device"), "a/b").reason.code
    'disk_full'
    >>> disk_error(OSError(errno.ENAMETOOLONG, "File name too long"), "a/b").reason.code
    'path_unusable'
    """
    detail = f"{place}: {error.strerror or error}"
    if error.errno in _FULL:
        return DiskTrouble(Reason.DISK_FULL, detail)
    if error.errno in _UNUSABLE:
        return Refused(Reason.PATH_UNUSABLE, detail)
    return DiskTrouble(Reason.DISK_ERROR, detail)


def space_at(folder: Path) -> tuple[int, int]:
    """Return how many bytes are free for us on the disk of ``folder``, and how many it has. Raises DiskTrouble."""
    with disk_errors(str(folder)):
        found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def is_missing(error: Transient | Terminal) -> bool:
    """Whether ``error`` came of a file or directory that is not there."""
    return isinstance(error.__cause__, FileNotFoundError)


class disk_errors:  # noqa: N801, RUF100 - read as the context manager it is
    """Translate what the disk refuses within; written as a class because it stands on the path of every file."""

    __slots__ = ("place",)

    def __init__(self, place: str) -> None:
        self.place = place

    def __enter__(self) -> None:
        """Watch what follows."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Raise DiskTrouble or Refused for an OSError."""
        if isinstance(error, OSError):
            raise disk_error(error, self.place) from error
