"""URLs that may be shown: without the passwords that people, and hostile announcers, put into them."""

import re

_PASSWORD = re.compile(r"(?P<before>\A[^:/?#]*://[^:/?#@]*):[^/?#]*@")


def without_password(url: str) -> str:
    """Return ``url`` without a password; one that holds none comes back as it is.

    >>> without_password("https://alice:secret@example.org/a")
    'https://alice@example.org/a'
    >>> without_password("https://example.org:8443/alice:x@y")
    'https://example.org:8443/alice:x@y'
    """
    return _PASSWORD.sub(r"\g<before>@", url)
