"""Messages as the bytes that AMQP wants, and properties as AMQP sends them."""

import struct
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pika import exceptions, frame, spec

from winnowry.io.amqp.errors import translated
from winnowry.io.amqp.table import encode_table
from winnowry.io.amqp.wire import BODY, FRAME, FRAME_END, HEADER, METHOD
from winnowry.schemas.delivery import Message
from winnowry.schemas.errors import Malformed
from winnowry.schemas.reasons import Reason

_FLAGS = struct.pack(
    ">H", spec.BasicProperties.FLAG_CONTENT_TYPE | spec.BasicProperties.FLAG_HEADERS | spec.BasicProperties.FLAG_DELIVERY_MODE
)
_PERSISTENT = b"\2"
_SHORT = 255
_DEPTH = 16
_INT64 = 2**63
_CACHED = 4096
_CACHED_SIZE = 1024
_SENDABLE = 131_072 - 64
_READABLE = 32 * 1024
_END = bytes([FRAME_END])
_HEADER = struct.Struct(">BHIHHQ")
_SETTLE = struct.Struct(">BHIIQBB")
_SETTLE_SIZE = 13
_UNREADABLE = (exceptions.AMQPError, struct.error, LookupError, ArithmeticError, ValueError, OSError, RecursionError)

Properties = tuple[str | None, Mapping[str, Any]]
"""Content type and headers."""

UNREADABLE = "unreadable properties"
"""The content type of a message whose properties cannot be read: what they may have said of its body is not known."""


class Encoder:
    """Writes messages as frames of one channel; what equal messages share is written once.

    The content type and the headers are the only properties, beside persistence, that any network uses.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._routes: dict[tuple[str, str, bool], bytes] = {}
        self._plain: dict[str, bytes] = {}

    def head(self, message: Message) -> bytes:
        """Return the method and header frames. Raises Malformed where AMQP has no room for a name, key or header."""
        route = (message.exchange, message.routing_key, message.mandatory)
        method = self._routes.get(route) or self._route(route)
        properties = self._plain.get(message.content_type) if not message.headers else None
        if properties is None:
            properties = self._properties(message)
        header = _HEADER.pack(HEADER, self._number, 12 + len(properties), spec.BasicProperties.INDEX, 0, len(message.body))
        return b"".join((method, header, properties, _END))

    def body(self, body: bytes, limit: int) -> bytes:
        """Return the body frames, each holding ``limit`` bytes at most."""
        if len(body) <= limit:
            return b"".join((FRAME.pack(BODY, self._number, len(body)), body, _END)) if body else b""
        return b"".join(self.body(body[start : start + limit], limit) for start in range(0, len(body), limit))

    def _route(self, route: tuple[str, str, bool]) -> bytes:
        exchange, key, mandatory = route
        with translated():
            method = spec.Basic.Publish(exchange=exchange, routing_key=key, mandatory=mandatory)
            data: bytes = frame.Method(self._number, method).marshal()
        _forget_if_full(self._routes)
        self._routes[route] = data
        return data

    def _properties(self, message: Message) -> bytes:
        data = encode_properties(message.content_type, message.headers)
        if not message.headers:
            _forget_if_full(self._plain)
            self._plain[message.content_type] = data
        return data


class Decoder:
    """Reads routes and properties; those that were seen lately are looked up instead."""

    def __init__(self) -> None:
        self._routes: dict[bytes, tuple[str, str]] = {}
        self._properties: dict[bytes, Properties] = {}

    def route(self, data: bytes) -> tuple[str, str]:
        """Return exchange and routing key from the end of a deliver method."""
        route = self._routes.get(data)
        if route is None:
            cut = 1 + data[0]
            route = data[1:cut].decode(errors="ignore"), data[cut + 1 : cut + 1 + data[cut]].decode(errors="ignore")
            _forget_if_full(self._routes)
            self._routes[data] = route
        return route

    def properties(self, data: bytes) -> Properties:
        """Return content type and headers."""
        found = self._properties.get(data)
        if found is None:
            found = decode_properties(data)
            if len(data) <= _CACHED_SIZE:
                _forget_if_full(self._properties)
                self._properties[data] = found
        return found


def encode_properties(content_type: str, headers: Mapping[str, Any]) -> bytes:
    """Return the properties of a persistent message. Raises Malformed where AMQP has no room for them.

    The table of headers is sent even when it is empty: existing clients rely on it.
    """
    kind = content_type.encode()
    if len(kind) > _SHORT:
        raise Malformed(Reason.FIELD_INVALID, f"the content type has {len(kind)} bytes, {_SHORT} fit")
    properties = b"".join((_FLAGS, bytes((len(kind),)), kind, encode_table(headers), _PERSISTENT))
    if len(properties) > _SENDABLE:
        raise Malformed(Reason.FIELD_INVALID, f"headers of {len(properties)} bytes do not fit into one frame")
    return properties


def decode_properties(data: bytes) -> Properties:
    """Return content type and headers; ``UNREADABLE`` and none where the bytes are no properties (the broker does not look).

    The same where they have more than 32 KiB: written again, beside headers of ours, they would not fit into the one frame
    that AMQP has for them, and the broker would break the connection each time.

    >>> decode_properties(encode_properties("text/plain", {"sum": "d,0"}))
    ('text/plain', {'sum': 'd,0'})
    >>> decode_properties(b"nonsense")
    ('unreadable properties', {})
    """
    if len(data) > _READABLE:
        return UNREADABLE, {}
    try:
        properties = spec.BasicProperties().decode(data)
        headers = {_text(key): _plain(value, 0) for key, value in (properties.headers or {}).items()}
    except _UNREADABLE:
        return UNREADABLE, {}
    return _text(properties.content_type), headers


def settle_frame(number: int, method: int, tag: int, flag: bool) -> bytes:
    """Return a basic.ack (``flag`` is *multiple*) or a basic.reject (``flag`` is *requeue*)."""
    return _SETTLE.pack(METHOD, number, _SETTLE_SIZE, method, tag, flag, FRAME_END)


def _text(value: str | bytes | None) -> Any:
    # Bytes that are no text are left out rather than replaced: what was received must also fit when it is sent.
    return value.decode(errors="ignore") if isinstance(value, bytes) else value


def _plain(value: Any, depth: int) -> Any:
    """Return a value of types that our own store gives back: numbers that do not fit are text, as they are when sent.

    Raises ValueError for tables nested beyond reason.
    """
    if isinstance(value, str):
        return value
    if depth > _DEPTH:
        raise ValueError("headers are nested too deeply")
    if isinstance(value, dict):
        return {_text(name): _plain(inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return [_plain(inner, depth + 1) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool):  # pika has a type of its own for long numbers
        return int(value) if -_INT64 <= value < _INT64 else str(int(value))
    return value


def _forget_if_full(cache: dict[Any, Any]) -> None:
    if len(cache) >= _CACHED:
        cache.clear()
