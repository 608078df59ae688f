"""Headers as AMQP writes them: a table of typed values.

pika's writer refuses what its reader accepts (floats, great numbers), so that a message could be received and not be passed on;
this one writes whatever can come off a wire.
"""

import struct
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from winnowry.schemas.errors import Malformed
from winnowry.schemas.reasons import Reason

_NAME_LIMIT = 255
_INT32, _INT64 = 2**31, 2**63
_LONG_STRING = struct.Struct(">cI")


def encode_table(table: Mapping[str, Any]) -> bytes:
    """Return a table with its length. Raises Malformed for a name above 255 bytes or a value of an unknown type.

    >>> encode_table({"sum": "d,0"})
    b'\\x00\\x00\\x00\\x0c\\x03sumS\\x00\\x00\\x00\\x03d,0'
    """
    data = b"".join([_name(name) + _value(value) for name, value in table.items()])
    return struct.pack(">I", len(data)) + data


def _name(name: str) -> bytes:
    data = name.encode(errors="replace")
    if len(data) > _NAME_LIMIT:
        raise Malformed(Reason.FIELD_INVALID, f"the name of a header has {len(data)} bytes, {_NAME_LIMIT} fit: {name[:40]}…")
    return bytes((len(data),)) + data


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        data = value.encode(errors="replace")
        return _LONG_STRING.pack(b"S", len(data)) + data
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    raise Malformed(Reason.FIELD_INVALID, f"a header cannot hold a {type(value).__name__}")


def _int(value: int) -> bytes:
    if -_INT32 <= value < _INT32:
        return struct.pack(">ci", b"I", value)
    return struct.pack(">cq", b"l", value) if -_INT64 <= value < _INT64 else _value(str(value))


def _decimal(value: Decimal) -> bytes:
    parts = value.as_tuple()
    exponent = parts.exponent
    if not isinstance(exponent, int) or not -255 <= exponent <= 0 or not -_INT32 <= value.scaleb(-exponent) < _INT32:
        return _value(str(value))
    return struct.pack(">cBi", b"D", -exponent, int(value.scaleb(-exponent)))


def _list(values: list[Any]) -> bytes:
    data = b"".join(map(_value, values))
    return _LONG_STRING.pack(b"A", len(data)) + data


_WRITERS: tuple[tuple[type, Any], ...] = (
    (bytes, lambda value: _LONG_STRING.pack(b"x", len(value)) + value),
    (bool, lambda value: struct.pack(">c?", b"t", value)),
    (int, _int),
    (float, lambda value: struct.pack(">cd", b"d", value)),
    (type(None), lambda _value: b"V"),
    (datetime, lambda value: struct.pack(">cQ", b"T", max(0, int(value.timestamp())))),
    (Decimal, _decimal),
    (dict, lambda value: b"F" + encode_table(value)),
    (list, _list),
)
