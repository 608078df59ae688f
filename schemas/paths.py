"""Which paths a pump acts upon: relative ones that can never lead out of the folder they are counted from.

Everything here is lexical. It holds on a disk as long as whoever writes there follows no symbolic link on the way to the last
component (links are among the things that announcers may ask for).
"""

import re

from winnowry.schemas.errors import Refused
from winnowry.schemas.reasons import Reason

COMPONENT_LIMIT = 255
"""Bytes of one component, as common file systems have it."""
PATH_LIMIT = 4096
"""Bytes of a whole path."""
TEMPORARY_SUFFIX = ".winnowry"
"""How the name of every temporary of ours ends; it begins with a dot."""

_UNUSABLE = r"\x00-\x08\x0b-\x1f\x7f\ud800-\udfff"
_PLAIN = re.compile(rf"(?:(?!\.\.?(?:/|\Z))[^/{_UNUSABLE}]+(?:/(?!\Z)|\Z))+")
_UNUSABLE_CHARACTER = re.compile(f"[{_UNUSABLE}]")


def check_path(path: str, outside: Reason = Reason.PATH_OUTSIDE_ROOT) -> str:
    """Return ``path`` if it is relative, plain and short enough for a file system. Raises Refused.

    Line feeds and tabs are legal in names; other control characters and lone surrogates are not.

    >>> check_path("20260101/alice/a b.txt")
    '20260101/alice/a b.txt'
    >>> check_path("a/../../etc/passwd")
    Traceback (most recent call last):
    ...
    winnowry.schemas.errors.Refused: path_outside_root: 'a/../../etc/passwd' holds '..'
    """
    if len(path) <= COMPONENT_LIMIT and path.isascii() and _PLAIN.fullmatch(path):
        return path
    check_characters(path)
    _check_components(path, outside)
    return path


def check_characters(text: str) -> str:
    """Return ``text`` if a file system and a URL could carry it. Raises Refused."""
    if found := _UNUSABLE_CHARACTER.search(text):
        raise Refused(Reason.PATH_UNUSABLE, f"{text[:PATH_LIMIT]!r} holds {found.group()!r}")
    if len(text) > PATH_LIMIT or len(text.encode()) > PATH_LIMIT:
        raise Refused(Reason.PATH_UNUSABLE, f"{text[:80]!r}… is longer than {PATH_LIMIT} bytes")
    return text


def _check_components(path: str, outside: Reason) -> None:
    if path.startswith("/"):
        raise Refused(outside, f"{path!r} is absolute")
    components = path.split("/")
    if ".." in components:
        raise Refused(outside, f"{path!r} holds '..'")
    for component in components:
        if component in ("", "."):
            raise Refused(Reason.PATH_UNUSABLE, f"{path!r} has the component {component!r}")
        if len(component.encode()) > COMPONENT_LIMIT:
            raise Refused(Reason.PATH_UNUSABLE, f"{component[:80]!r}… is longer than {COMPONENT_LIMIT} bytes")


def is_temporary(name: str) -> bool:
    """Whether ``name`` is one that our temporaries have."""
    return name.startswith(".") and name.endswith(TEMPORARY_SUFFIX)


def check_place(place: str) -> str:
    """Return ``place`` if an announcer may have a file, folder or link there: never where our temporaries are. Raises Refused.

    >>> check_place("day/.a.0f1e.winnowry")
    Traceback (most recent call last):
    ...
    winnowry.schemas.errors.Refused: path_unusable: 'day/.a.0f1e.winnowry' has a name that temporaries of ours have
    """
    if TEMPORARY_SUFFIX in place and any(map(is_temporary, place.split("/"))):
        raise Refused(Reason.PATH_UNUSABLE, f"{place!r} has a name that temporaries of ours have")
    return place


def check_link(place: str, target: str) -> str:
    """Return the target of a link at ``place`` if it stays below the root that ``place`` is counted from. Raises Refused.

    ``..`` is taken at the beginning of a target alone: behind a name, where it leads depends on whether that name is a link.

    >>> check_link("day/alice/latest", "../bob/file")
    '../bob/file'
    >>> check_link("latest", "../file")
    Traceback (most recent call last):
    ...
    winnowry.schemas.errors.Refused: link_outside_root: '../file' leads out of the root from 'latest'
    """
    check_characters(target)
    components = [component for component in target.split("/") if component != "."]
    ups = 0
    while ups < len(components) and components[ups] == "..":
        ups += 1
    if ups > place.count("/"):
        raise Refused(Reason.LINK_OUTSIDE_ROOT, f"{target!r} leads out of the root from {place!r}")
    if ups < len(components):
        check_path("/".join(components[ups:]), Reason.LINK_OUTSIDE_ROOT)
    return target
