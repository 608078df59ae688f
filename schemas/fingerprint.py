"""Checksum method, value and size of content; it says nothing about place."""

import msgspec

CONTENT_METHODS = frozenset({"md5", "sha512", "sha256", "blake3", "crc32c"})
"""Methods whose value depends on every byte of the content; any other says nothing about it."""


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """``method`` by its v03 name and ``value`` as v03 carries it: the digest in base64 for the methods above.

    >>> Fingerprint(method="md5", value="1B2M2Y8AsgTpgAmY7PhCfg==").says_content
    True
    >>> Fingerprint(method="random", value="0427").says_content
    False
    """

    method: str
    value: str = ""

    @property
    def says_content(self) -> bool:
        """Whether equal fingerprints mean equal content."""
        return self.method in CONTENT_METHODS and bool(self.value)
