"""Messages that somebody might send who means harm, or whose program is broken, and how each has to end, by kind of pump."""

import json
import time
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from winnowry.schemas.times import write_time

KINDS = ("sarra", "shovel", "winnow", "subscribe")
RELAYS, FETCHERS = ("shovel", "winnow"), ("sarra", "subscribe")
FED = ("shovel", "subscribe")
"""Kinds of pumps that read what a feeder says; the `sarra` reads a user, the `winnow` what was validated already."""
NOWHERE = "http://127.0.0.1:1/"
TEXT, JSON = "text/plain", "application/json"
LIMIT = 1024 * 1024


class Hostile(msgspec.Struct, frozen=True, kw_only=True):
    """One message. ``ends`` holds ending and reason by kind of pump; ``lands`` is where it puts something, below a root.

    JSON bodies say the ``name`` in a field of their own, every message in a header, so that it is found in what came of it.
    """

    name: str
    body: bytes
    ends: dict[str, str]
    content_type: str | None = JSON
    key: str = "v03"
    headers: dict[str, Any] = {}
    lands: str = ""


def post(name: str, rel_path: Any = None, **fields: Any) -> bytes:
    """Return a v03 body of now. A field that is None is left out; ``NULL`` stands for null. Paths are new unless given."""
    path = rel_path or f"evil {blake2b(name.encode('utf-8', 'replace'), digest_size=4).hexdigest()}"
    plain = {"pubTime": write_time(time.time_ns()), "baseUrl": NOWHERE, "relPath": path, "hostile": name}
    said = {key: None if value is NULL else value for key, value in (plain | fields).items() if value is not None}
    return json.dumps(said).encode("utf-8", "surrogatepass")


NULL = object()


def everywhere(ending: str, **others: str) -> dict[str, str]:
    """Return endings by kind; ``others`` name kinds, or groups of them, that end otherwise."""
    groups = {"relays": RELAYS, "fetchers": FETCHERS, "fed": FED}
    ends = dict.fromkeys(KINDS, ending)
    for name, other in others.items():
        ends |= dict.fromkeys(groups.get(name, (name,)), other)
    return ends


def passed(**others: str) -> dict[str, str]:
    """Return the endings of a Post in which no pump finds fault, and whose file is nowhere."""
    return everywhere("announced:done", **({"fetchers": "failed:unreachable"} | others))


def landed(**others: str) -> dict[str, str]:
    """Return the endings of a Post in which no pump finds fault, and which carries its file."""
    return everywhere("announced:done", subscribe="delivered:done", **others)


def operated(**others: str) -> dict[str, str]:
    """Return the endings of a file operation that relays pass on and others do not do."""
    return everywhere("refused:unsupported_operation", relays="announced:operation_done", **others)


SMALL = {"content": {"encoding": "utf-8", "value": "x"}, "size": 1}


def refused(names: dict[str, dict[str, Any]], reason: str) -> Iterator[Hostile]:
    """Yield Posts that every pump refuses, by their fields."""
    for name, fields in names.items():
        yield Hostile(name=name, body=post(name, **fields), ends=everywhere(f"refused:{reason}"))


def malformed(names: dict[str, dict[str, Any]]) -> Iterator[Hostile]:
    """Yield Posts of which one field is wrong."""
    for name, fields in names.items():
        yield Hostile(name=name, body=post(name, **fields), ends=everywhere("malformed:field_invalid"))


def on_disk(paths: dict[str, str]) -> Iterator[Hostile]:
    """Yield Posts that carry a file, whose names are odd and harm nobody."""
    for name, path in paths.items():
        yield Hostile(name=name, body=post(name, path, **SMALL), ends=landed(), lands=path)


def nested(depth: int, value: Any = "x") -> Any:
    """Return mappings within mappings."""
    for _ in range(depth):
        value = {"d": value}
    return value
