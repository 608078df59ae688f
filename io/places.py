"""Places below a data root, and the names that temporaries have there.

No PTransform here: the tree names what it makes by these.
"""

import secrets
from itertools import count

from winnowry.schemas.errors import Refused
from winnowry.schemas.paths import TEMPORARY_SUFFIX
from winnowry.schemas.reasons import Reason

_NAME_LIMIT = 255
_BIRTH = secrets.token_hex(4)
_numbers = count()


def split_place(place: str) -> tuple[str, str]:
    """Return the directory of ``place`` ("" for the root itself) and its last name.

    Raises Refused where it is not a plain relative path that a disk can hold.

    >>> split_place("a/b/c")
    ('a/b', 'c')
    """
    directory, _, name = place.rpartition("/")
    if name in ("", ".", "..") or "\0" in place or place[0] == "/":
        raise Refused(Reason.PATH_UNUSABLE, repr(place))
    if not place.isascii():
        encoded(place)
    if len(name) * 4 > _NAME_LIMIT and len(encoded(name)) > _NAME_LIMIT:
        raise Refused(Reason.PATH_UNUSABLE, f"name longer than {_NAME_LIMIT} bytes: {place!r}")
    return directory, name


def temporary_name(name: str) -> str:
    """Return a name for the temporary of ``name``, at most 255 bytes long, that this process has not used before."""
    tail = f".{_BIRTH}{next(_numbers):x}{TEMPORARY_SUFFIX}"
    if len(name) > 48:
        name = encoded(name)[: _NAME_LIMIT - 1 - len(tail)].decode(errors="ignore")
    return f".{name}{tail}"


def encoded(name: str) -> bytes:
    """Return a name as a disk has it. Raises Refused where it is no text."""
    try:
        return name.encode()
    except UnicodeEncodeError as error:
        raise Refused(Reason.PATH_UNUSABLE, f"not valid UTF-8: {name!r}") from error


def is_text(name: str) -> bool:
    """Whether a name that was read off a disk is valid UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in name)
