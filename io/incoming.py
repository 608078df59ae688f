"""A file on its way in: its bytes are counted, hashed and written under a temporary name as they come."""

import os
import time

import msgspec

from winnowry.io.digest import Beside, Hasher, hasher
from winnowry.io.disk import disk_errors
from winnowry.io.tree import Tree
from winnowry.schemas.arrival import Fetched
from winnowry.schemas.errors import Malformed, Mismatch, Refused, Terminal, Transient
from winnowry.schemas.reasons import Reason

PIECE = 256 * 1024
"""Bytes are gathered until there are so many, and then hashed and written at once: they come in pieces of 16 kB."""
LARGE = 4 * 1024 * 1024
"""What is longer than this many bytes, or was announced so, is hashed on a thread of its own while more of it comes."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One file wanted: from ``url`` to ``place`` (relative to the data root).

    ``size`` is in bytes and ``method`` the checksum to calculate, as announced; ``mode`` are permission bits and ``mtime`` is
    in nanoseconds of Unix time; None where nothing was said. ``limit`` is how many bytes are taken, None for any number.
    """

    url: str
    place: str
    size: int | None = None
    method: str = ""
    mode: int | None = None
    mtime: int | None = None
    limit: int | None = None


def read_mode(digits: str) -> int:
    """Return the permission bits of a Post's ``mode``, without those for set-user-id and the like. Raises Malformed.

    >>> oct(read_mode("4755"))
    '0o755'
    """
    try:
        return int(digits, 8) & 0o777
    except ValueError:
        raise Malformed(Reason.FIELD_INVALID, f"mode {digits[:20]!r} is no octal number") from None


class Incoming:
    """Takes the bytes of one file. After ``finish`` a complete file stands under ``Fetched.temporary``; it is not yet synced.

    Used by one thread at a time.
    """

    __slots__ = (
        "_buffer",
        "_descriptor",
        "_gathered",
        "_hash",
        "_temporary",
        "_tree",
        "received",
        "request",
        "touched",
        "trouble",
    )

    def __init__(self, tree: Tree, request: Request) -> None:
        self.request = request
        self.received = 0
        self.touched = time.monotonic()
        self.trouble: Transient | Terminal | None = None
        self._tree = tree
        self._hash: Hasher | None = hasher(request.method)
        self._buffer: list[bytes] = []
        self._gathered = 0
        self._descriptor = -1
        self._temporary = ""

    def take(self, data: bytes) -> int:
        """Take the next bytes; return how many were taken, which is none once there is ``trouble``.

        It does not raise because it is called from C, where there is nobody to catch.
        """
        self.received += len(data)
        self.touched = time.monotonic()
        try:
            self._check_length()
            self._buffer.append(data)
            self._gathered += len(data)
            if self._gathered >= PIECE:
                self._flush()
        except (Transient, Terminal) as error:
            self.trouble = error
            return 0
        return len(data)

    def finish(self) -> Fetched:
        """Complete the file. Raises Mismatch when it is too short, DiskTrouble or Refused."""
        size = self.request.size
        if size is not None and self.received < size:
            raise Mismatch(Reason.TRUNCATED, f"{self.received} of {size} bytes")
        self._flush()
        with disk_errors(self.request.place):
            inode = self._dress()
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
        digest = self._hash.digest() if self._hash is not None else b""
        method = self.request.method if self._hash is not None else ""
        return Fetched(temporary=self._temporary, inode=inode, size=self.received, method=method, digest=digest)

    def abandon(self) -> None:
        """Remove what has been written."""
        if isinstance(self._hash, Beside):
            self._hash.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._temporary:
            self._tree.unlink(self._temporary)
            self._temporary = ""

    def _check_length(self) -> None:
        size, limit = self.request.size, self.request.limit
        if size is not None and self.received > size:
            raise Mismatch(Reason.SIZE_MISMATCH, f"more than the {size} bytes announced")
        if limit is not None and self.received > limit:
            raise Refused(Reason.TOO_LARGE, f"more than the {limit} bytes allowed")

    def _flush(self) -> None:
        data = self._buffer[0] if len(self._buffer) == 1 else b"".join(self._buffer)
        self._buffer.clear()
        self._gathered = 0
        if self._hash is not None:
            if not isinstance(self._hash, Beside) and max(self.received, self.request.size or 0) > LARGE:
                self._hash = Beside(self._hash)
            self._hash.update(data)
        if self._descriptor < 0:
            self._descriptor, self._temporary = self._tree.create_temporary(self.request.place)
        with disk_errors(self.request.place):
            _write(self._descriptor, data)

    def _dress(self) -> int:
        """Give the file its mode and time; return its inode."""
        status = os.fstat(self._descriptor)
        mode, mtime = self.request.mode, self.request.mtime
        if mode is not None and mode | 0o400 != status.st_mode & 0o7777:
            os.fchmod(self._descriptor, mode | 0o400)
        if mtime is not None:
            os.utime(self._descriptor, ns=(mtime, mtime))
        return status.st_ino


def _write(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])
