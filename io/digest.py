"""Checksums of content by the names that Fingerprints use."""

import hashlib
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import google_crc32c
from blake3 import blake3


class Hasher(Protocol):
    """A checksum being calculated."""

    def update(self, data: bytes, /) -> object:
        """Take the next bytes of the content."""

    def digest(self) -> bytes:
        """Return the checksum of what was taken."""


HASHERS: Mapping[str, Callable[[], Hasher]] = {
    "sha512": hashlib.sha512,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "blake3": blake3,
    "crc32c": google_crc32c.Checksum,
}


def hasher(method: str) -> Hasher | None:
    """Return a fresh Hasher for ``method``, None for one that says nothing about content.

    >>> hasher("crc32c").digest().hex(), hasher("random")
    ('00000000', None)
    """
    make = HASHERS.get(method)
    return make() if make is not None else None


class Beside:
    """A Hasher that goes on with ``running`` on a thread of its own, which ends with ``digest`` or ``close``.

    It stays at most two pieces behind: ``update`` waits for it, so that memory does not fill with what is not hashed yet.
    """

    _BEHIND = 2

    def __init__(self, running: Hasher) -> None:
        self._hash = running
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="winnowry-hash")
        self._behind: deque[Future[object]] = deque()

    def update(self, data: bytes, /) -> None:
        """Take the next bytes of the content."""
        if len(self._behind) == self._BEHIND:
            self._behind.popleft().result()
        self._behind.append(self._thread.submit(self._hash.update, data))

    def digest(self) -> bytes:
        """Return the checksum of what was taken."""
        while self._behind:
            self._behind.popleft().result()
        self.close()
        return self._hash.digest()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()
