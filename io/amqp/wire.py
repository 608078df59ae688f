"""pika's connection with a short way for the three frames that come by the thousand: deliveries, acks and nacks.

pika copies what is left of its buffer for every frame and looks each up among callbacks; that costs more than everything else
a relay does. Here a frame is read where it lies. Whatever is not one of the three takes pika's own way.
"""

import struct
from collections.abc import Callable
from typing import Protocol

import pika
from pika import exceptions, frame, spec

FRAME = struct.Struct(">BHI")
METHOD, HEADER, BODY = 1, 2, 3
FRAME_END = 0xCE
OVERHEAD = FRAME.size + 1
"""Bytes that a frame has beside its payload."""

_BODY_SIZE = struct.Struct(">Q")
_RECEIVE = 65536


class Inlet(Protocol):
    """Who takes the method frames of one channel."""

    def take(self, buffer: bytes, start: int, stop: int) -> int:
        """Take the method frame whose payload is ``buffer[start:stop]``, with the content that follows it.

        Return the index of the next frame; 0 to leave it to pika; or, negative, how many bytes more are needed first.
        """


class Wire(pika.SelectConnection):
    """A connection that hands method frames of some channels to ``inlets`` and calls ``drained`` after each reading."""

    inlets: dict[int, Inlet]

    def __init__(self, *args: object, inlets: dict[int, Inlet], drained: Callable[[], None], **options: object) -> None:
        self.inlets = inlets
        self.drained = drained
        self._chunks: list[bytes] = []
        self._held = self._wanted = 0
        super().__init__(*args, **options)

    def emit(self, data: bytes) -> None:
        """Send bytes that are already AMQP frames."""
        self.bytes_sent += len(data)
        self._adapter_emit_data(data)

    @property
    def body_limit(self) -> int:
        """How many bytes of a body fit into one frame."""
        return int(self._body_max_length)

    def _proto_connection_made(self, transport: object) -> None:
        transport._MAX_RECV_BYTES = _RECEIVE  # type: ignore[attr-defined]  # pika reads 4 KiB at a time by default
        super()._proto_connection_made(transport)

    def _on_connection_workflow_done(self, conn_or_exc: object) -> None:
        # Where a connection is closed in the midst of its handshake pika hands the class over in place of an instance.
        super()._on_connection_workflow_done(conn_or_exc() if isinstance(conn_or_exc, type) else conn_or_exc)

    def _on_data_available(self, data_in: bytes) -> None:
        self.bytes_received += len(data_in)
        self._chunks.append(data_in)
        self._held += len(data_in)
        if self._held < self._wanted:
            return
        buffer = data_in if len(self._chunks) == 1 else b"".join(self._chunks)
        rest = buffer[self._read(buffer) :]
        self._chunks = [rest] if rest else []
        self._held = len(rest)
        self.drained()

    def _read(self, buffer: bytes) -> int:
        """Take all whole frames; return where the unfinished one begins, having noted how much it wants."""
        at, end, inlets = 0, len(buffer), self.inlets
        while end - at >= OVERHEAD:
            kind, number, size = FRAME.unpack_from(buffer, at)
            stop = at + FRAME.size + size
            if stop >= end:
                if buffer.startswith(b"AMQP", at):
                    raise exceptions.IncompatibleProtocolError("the server speaks another version of AMQP")
                if size > spec.FRAME_MAX_SIZE:
                    raise exceptions.InvalidFrameError("a frame is longer than any may be")
                self._wanted = size + OVERHEAD
                return at
            if buffer[stop] != FRAME_END:
                raise exceptions.InvalidFrameError("a frame does not end where it says")
            inlet = inlets.get(number) if kind == METHOD else None
            following = inlet.take(buffer, at + FRAME.size, stop) if inlet is not None else 0
            if following < 0:
                self._wanted = end - at - following
                return at
            if following == 0:
                following = stop + 1
                self._process_frame(frame.decode_frame(buffer[at:following])[1])
            at = following
        self._wanted = OVERHEAD
        return at


Content = tuple[bytes, bytes, int]


def read_content(buffer: bytes, at: int, number: int) -> Content | int:
    """Read the header frame at ``at`` and the body frames behind it, all of channel ``number``.

    Return the properties as they came, the body, and the index of the next frame; or, as `Inlet.take` does, 0 when the frames
    of another channel are in between, or how much is missing, negative.
    """
    end = len(buffer)
    if end - at < OVERHEAD + 14:
        return end - at - OVERHEAD - 14
    kind, channel, size = FRAME.unpack_from(buffer, at)
    stop = at + FRAME.size + size
    if kind != HEADER or channel != number:
        return 0
    (body_size,) = _BODY_SIZE.unpack_from(buffer, at + FRAME.size + 4)
    if stop + 1 + body_size + (OVERHEAD if body_size else 0) > end:
        return end - (stop + 1 + body_size + (OVERHEAD if body_size else 0))
    body, following = _read_body(buffer, stop + 1, body_size, number)
    return (buffer[at + FRAME.size + 12 : stop], body, following) if following > 0 else following


def _read_body(buffer: bytes, at: int, remaining: int, number: int) -> tuple[bytes, int]:
    pieces: list[bytes] = []
    while remaining > 0:
        if len(buffer) - at < remaining + OVERHEAD:
            return b"", len(buffer) - at - remaining - OVERHEAD
        kind, channel, size = FRAME.unpack_from(buffer, at)
        if kind != BODY or channel != number:
            return b"", 0
        start = at + FRAME.size
        pieces.append(buffer[start : start + size])
        remaining -= size
        at = start + size + 1
    return (pieces[0] if len(pieces) == 1 else b"".join(pieces)), at
