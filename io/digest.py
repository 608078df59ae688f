"""Checksums of content by the names that Fingerprints use."""

import hashlib
from collections.abc import Callable, Mapping
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
