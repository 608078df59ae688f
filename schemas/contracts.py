"""The governed contracts: one Avro schema a noun, in ``avro/``, and whether the types still say the same.

The ``.avsc`` files are what other programs are built against. They use our words; the property ``wire`` of a field is its name
in v03. Mappings whose values are JSON of any kind are maps of JSON text; a Reason is its code, a string, so that adding one
breaks no reader.
"""

import json
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from fastavro.schema import parse_schema

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.outcome import Outcome
from winnowry.schemas.post import Post
from winnowry.schemas.rate import Rate
from winnowry.schemas.reasons import Reason
from winnowry.schemas.report import Report

Contract = dict[str, Any]

CONTRACTS: Mapping[str, type[msgspec.Struct]] = {
    "post": Post,
    "report": Report,
    "delivery": Delivery,
    "message": Message,
    "arrival": Arrival,
    "outcome": Outcome,
    "rate": Rate,
}
"""The nouns with a contract; each may name those before it."""

_NAMESPACE = "winnowry"
_INNER = frozenset({"type", "items", "values", "fields"})
_PLAIN = {str: "string", int: "long", bool: "boolean", float: "double", bytes: "bytes", Reason: "string"}


@cache
def load() -> Mapping[str, Contract]:
    """Return the contracts as they are written, by name."""
    folder = files("winnowry.schemas") / "avro"
    return {name: json.loads((folder / f"{name}.avsc").read_text("utf-8")) for name in CONTRACTS}


@cache
def parsed() -> Mapping[str, Any]:
    """Return the contracts as fastavro wants them, by name."""
    known: dict[str, Any] = {}
    return {name: parse_schema(contract, named_schemas=known) for name, contract in load().items()}


def whole(name: str) -> Contract:
    """Return a contract on its own: each noun it names is written out where it is first named."""
    definitions: dict[str, Contract] = {}
    for contract in load().values():
        _collect(contract, definitions)
    return cast(Contract, _write_out(load()[name], definitions, set()))


def export(folder: Path) -> list[Path]:
    """Write each contract into ``folder``, on its own: what it names is written out in it. Return the files."""
    paths = []
    for name in CONTRACTS:
        path = folder / f"{name}.avsc"
        path.write_text(json.dumps(whole(name), indent=2, ensure_ascii=False) + "\n", "utf-8")
        paths.append(path)
    return paths


def check() -> list[str]:
    """Return where the contracts and the types differ, a line each.

    >>> check()
    []
    """
    known: set[type] = set()
    return [line for name, kind in CONTRACTS.items() for line in _compare(name, load()[name], derive(kind, known))]


def derive(kind: Any, known: set[type]) -> Any:
    """Return the Avro schema of a type; those in ``known``, to which it adds, are named and not written out."""
    origin = get_origin(kind)
    if origin is Annotated:
        return derive(get_args(kind)[0], known)
    if origin in (Union, types.UnionType):
        members = [member for member in get_args(kind) if member is not type(None)]
        return ["null", *(derive(member, known) for member in members)]
    if origin is tuple:
        return {"type": "array", "items": derive(get_args(kind)[0], known)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "map", "values": "string"}
    if origin is Literal:
        return "string"
    return _PLAIN.get(kind) or _derive_named(kind, known)


def _collect(schema: Any, definitions: dict[str, Contract]) -> None:
    if isinstance(schema, list):
        for member in schema:
            _collect(member, definitions)
    elif isinstance(schema, dict):
        if "namespace" in schema:
            definitions[_full_name(schema)] = schema
        for key in _INNER & schema.keys():
            _collect(schema[key], definitions)


def _write_out(schema: Any, definitions: Mapping[str, Contract], seen: set[str]) -> Any:
    if isinstance(schema, list):
        return [_write_out(member, definitions, seen) for member in schema]
    if isinstance(schema, str):
        return _write_out(definitions[schema], definitions, seen) if schema in definitions.keys() - seen else schema
    if "namespace" in schema:
        seen.add(_full_name(schema))
    return {key: _write_out(value, definitions, seen) if key in _INNER else value for key, value in schema.items()}


def _full_name(schema: Contract) -> str:
    return f"{schema['namespace']}.{schema['name']}"


def _derive_named(kind: Any, known: set[type]) -> Any:
    if kind in known:
        return f"{_NAMESPACE}.{kind.__name__}"
    known.add(kind)
    named = {"name": kind.__name__, "namespace": _NAMESPACE}
    if issubclass(kind, Enum):
        return {"type": "enum", **named, "symbols": [member.value for member in kind]}
    hints = get_type_hints(kind, include_extras=True)
    fields = [_derive_field(field, hints[field.name], known) for field in msgspec.structs.fields(kind)]
    return {"type": "record", **named, "fields": fields}


def _derive_field(field: Any, hint: Any, known: set[type]) -> Contract:
    derived: Contract = {"name": field.name, "type": derive(hint, known)}
    if not field.required:
        derived["default"] = _json_of(field.default if field.default is not msgspec.NODEFAULT else field.default_factory())
    if not field.encode_name.startswith("_") and field.encode_name != field.name:
        derived["wire"] = field.encode_name
    return derived


def _json_of(default: Any) -> Any:
    if isinstance(default, tuple):
        return list(default)
    return default.decode("latin-1") if isinstance(default, bytes) else default


def _compare(place: str, written: Any, derived: Any) -> Iterator[str]:
    if not isinstance(written, dict) or not isinstance(derived, dict):
        if isinstance(written, list) and isinstance(derived, list) and len(written) == len(derived):
            for ours, theirs in zip(written, derived, strict=True):
                yield from _compare(place, ours, theirs)
        elif written != derived:
            yield f"{place}: the contract says {written!r}, the type says {derived!r}"
        return
    for key in sorted((written.keys() | derived.keys()) - {"doc", "fields"}):
        yield from _compare(f"{place}.{key}", written.get(key), derived.get(key))
    yield from _compare_fields(place, written.get("fields", []), derived.get("fields", []))


def _compare_fields(place: str, written: list[Contract], derived: list[Contract]) -> Iterator[str]:
    ours = {field["name"]: field for field in written}
    theirs = {field["name"]: field for field in derived}
    for name in sorted(ours.keys() ^ theirs.keys()):
        yield f"{place}.{name}: only {'the contract' if name in ours else 'the type'} has it"
    if list(ours) != list(theirs) and ours.keys() == theirs.keys():
        yield f"{place}: the contract orders its fields {', '.join(ours)}, the type {', '.join(theirs)}"
    for name in ours.keys() & theirs.keys():
        yield from _compare(f"{place}.{name}", ours[name], theirs[name])
