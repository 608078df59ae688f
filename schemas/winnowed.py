"""What a winnow says of a Post that it lets through: who it is, and when it did, in a header of the message.

Of several sources whose words a winnow has fused, each next pump hears those alone that were news. It has to take them for the
words of one announcer, in the winnow's order: counted by source, content that comes back would be taken for a repeat where
another source was the first to tell of the change in between.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

HEADER = "winnowed"
_DIGITS = 19


class Winnowed(NamedTuple):
    """``at`` is in Unix nanoseconds, by the clock of the winnow ``by``."""

    at: int
    by: str


def write_winnowed(at: int, by: str) -> dict[str, str]:
    """Return the header.

    >>> write_winnowed(1, "ddi.example.org/fuse")
    {'winnowed': '1 ddi.example.org/fuse'}
    """
    return {HEADER: f"{at} {by}"}


def read_winnowed(headers: Mapping[str, Any]) -> Winnowed | None:
    """Return what the header says; None where there is none, or where it cannot be read.

    >>> read_winnowed({"winnowed": "1 ddi.example.org/fuse"})
    Winnowed(at=1, by='ddi.example.org/fuse')
    >>> read_winnowed({"winnowed": "yesterday"})
    """
    value = headers.get(HEADER)
    if not isinstance(value, str):
        return None
    at, _, by = value.partition(" ")
    readable = by and at.isascii() and at.isdecimal() and len(at) <= _DIGITS
    return Winnowed(int(at), by) if readable else None
