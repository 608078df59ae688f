"""Elements as Avro records, in Avro's single-object encoding: two marker bytes, the fingerprint of the contract, the record.

The fingerprint says which contract, and which version of it, a record was written under; so records may lie in one archive side
by side. Source of the format: the Apache Avro specification, "Single-object encoding".
"""

import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from io import BytesIO
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from fastavro import schemaless_reader, schemaless_writer
from fastavro.schema import fingerprint, to_parsing_canonical_form

from winnowry.schemas.contracts import CONTRACTS, parsed, whole
from winnowry.schemas.errors import Malformed
from winnowry.schemas.reasons import Reason

_MARKER = b"\xc3\x01"
_HEAD = len(_MARKER) + 8
_NAMES = {kind: name for name, kind in CONTRACTS.items()}


def write_record(element: msgspec.Struct) -> bytes:
    """Return an element whose type has a contract as an Avro record.

    >>> from winnowry.schemas.post import Post
    >>> post = Post(pub_time="20260101T000000.5", base_url="file:", rel_path="a")
    >>> read_record(write_record(post)) == post
    True
    """
    name = _NAMES[type(element)]
    buffer = BytesIO()
    schemaless_writer(buffer, parsed()[name], _pack(element))
    return _fingerprints()[name] + buffer.getvalue()


def read_record(record: bytes) -> Any:
    """Return the element of an Avro record. Raises Malformed where no contract of ours wrote it, or it is damaged."""
    head = record[:_HEAD]
    name = next((name for name, known in _fingerprints().items() if known == head), None)
    if name is None:
        raise Malformed(Reason.VERSION_UNKNOWN, f"no contract has the fingerprint {head.hex()}")
    try:
        datum = schemaless_reader(BytesIO(record[_HEAD:]), parsed()[name], None)
        return _unpack(CONTRACTS[name], datum)
    except (EOFError, ValueError, LookupError, TypeError, MemoryError, OverflowError) as error:
        raise Malformed(Reason.BODY_UNREADABLE, f"{name} record: {error}") from None


@cache
def _fingerprints() -> Mapping[str, bytes]:
    return {
        name: _MARKER + bytes.fromhex(fingerprint(to_parsing_canonical_form(whole(name)), "CRC-64-AVRO")) for name in CONTRACTS
    }


def _pack(value: Any) -> Any:
    """Return a value as Avro takes it."""
    if isinstance(value, msgspec.Struct):
        return {name: _pack(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Reason):
        return value.code
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: msgspec.json.encode(inner).decode() for key, inner in value.items()}
    return [_pack(inner) for inner in value] if isinstance(value, tuple) else value


def _unpack(kind: Any, datum: Any) -> Any:
    """Return what Avro gave as a value of this type."""
    if datum is None:
        return None
    plain, arguments = _outer(kind)
    if plain is tuple:
        return tuple(_unpack(arguments[0], inner) for inner in datum)
    if issubclass(plain, Mapping):
        read = _read_raw if arguments[1] is msgspec.Raw else msgspec.json.decode
        return {key: read(text) for key, text in datum.items()}
    if issubclass(plain, msgspec.Struct):
        return plain(**{name: _unpack(hint, datum[name]) for name, hint in _hints(plain).items()})
    if plain is Reason:
        return Reason.of(datum)
    return plain(datum) if issubclass(plain, Enum) else datum


def _read_raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


@cache
def _outer(kind: Any) -> tuple[type, tuple[Any, ...]]:
    origin = get_origin(kind)
    if origin is Annotated:
        return _outer(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return _outer(next(member for member in get_args(kind) if member is not type(None)))
    if origin is Literal:
        return str, ()
    return origin or kind, get_args(kind)


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind, include_extras=True)
