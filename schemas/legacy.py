"""Fields that v02 carries as headers, and that bodies of v03 from its early producers still hold, turned into v03's own."""

from binascii import a2b_hex, b2a_base64
from typing import Any

from winnowry.schemas.errors import Malformed
from winnowry.schemas.reasons import Reason

LEGACY = frozenset({"sum", "parts", "link", "oldname"})
_DIGESTS = {"d": "md5", "s": "sha512", "n": "md5name", "p": "sha512name"}
_TEXTS = {"0": "random", "a": "arbitrary"}
_ALGORITHMS = {"d": "md5", "s": "sha512"}
_OPERATIONS = {"R": {"remove": ""}, "r": {"remove": "", "directory": ""}, "m": {"directory": ""}}
_LINKS = {"L": "link", "l": "hlink"}


def modernise(fields: dict[str, str]) -> dict[str, Any]:
    """Return v03's ``identity``, ``fileOp``, ``size`` and ``blocks`` for legacy fields, and take those out of ``fields``.

    A checksum of an unknown letter stays where it is. Raises Malformed, naming the field.

    >>> modernise({"sum": "R,00", "oldname": "a", "flow": "x"})
    {'fileOp': {'rename': 'a', 'remove': ''}}
    >>> modernise({"parts": "i,400,3,250,2"})["size"]
    250
    """
    modern = _read_sum(fields)
    if old := fields.pop("oldname", ""):
        modern["fileOp"] = {"rename": old, **modern.get("fileOp", {})}
    if parts := fields.pop("parts", ""):
        modern.update(_read_parts(parts))
    return modern


def _read_sum(fields: dict[str, str]) -> dict[str, Any]:
    text = fields.get("sum", "")
    letter, _, value = text.partition(",")
    if letter in _LINKS:
        modern = {"fileOp": {_LINKS[letter]: _target(fields)}}
    elif letter in _OPERATIONS:
        modern = {"fileOp": dict(_OPERATIONS[letter])}
    elif letter in _DIGESTS:
        modern = {"identity": {"method": _DIGESTS[letter], "value": _base64(value)}}
    elif letter in _TEXTS:
        modern = {"identity": {"method": _TEXTS[letter], "value": value}}
    elif letter == "z":
        modern = {"identity": {"method": "cod", "value": _ALGORITHMS.get(value, value)}}
    else:
        return {}
    del fields["sum"]
    return modern


def _target(fields: dict[str, str]) -> str:
    try:
        return fields.pop("link")
    except KeyError:
        raise Malformed(Reason.FIELD_INVALID, "sum says link, and no link says where to") from None


def _base64(digits: str) -> str:
    try:
        return b2a_base64(a2b_hex(digits), newline=False).decode()
    except ValueError:
        raise Malformed(Reason.FIELD_INVALID, f"sum {digits[:64]!r} is not hexadecimal") from None


def _read_parts(text: str) -> dict[str, Any]:
    method, *numbers = text.split(",")
    if method not in ("1", "i", "p") or len(numbers) != 4 or not all(map(_is_number, numbers)):
        raise Malformed(Reason.FIELD_INVALID, f"parts {text[:64]!r} is not <method>,<size>,<count>,<remainder>,<number>")
    size, count, remainder, number = map(int, numbers)
    if method == "1":
        return {"size": size}
    if number >= count or remainder > size:
        raise Malformed(Reason.FIELD_INVALID, f"parts {text[:64]!r} names no block of a file")
    blocks = {
        "method": "inplace" if method == "i" else "separate",
        "size": size,
        "count": count,
        "remainder": remainder,
        "number": number,
    }
    return {"size": remainder if remainder and number == count - 1 else size, "blocks": blocks}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
