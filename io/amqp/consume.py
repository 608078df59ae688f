"""Consuming one queue on a channel of its own, and settling what it delivered."""

import struct
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Any

import pika
from pika import spec

from winnowry.io.amqp.frames import Decoder, decode_properties, settle_frame
from winnowry.io.amqp.wire import Wire, read_content
from winnowry.schemas.delivery import Delivery

_DELIVER = struct.pack(">I", spec.Basic.Deliver.INDEX)
_ACK, _REJECT = spec.Basic.Ack.INDEX, spec.Basic.Reject.INDEX
_TAG = struct.Struct(">QB")

PATIENCE = 0.2
"""Seconds, or twice as many, that what is settled waits for what was delivered before it: one acknowledgement then stands for
all of them, which costs the broker a fraction of what one for each does."""

_WORK = 100
"""Deliveries that a pump needs to be at work; of what may be unsettled beyond that, half may wait."""
_UNLIMITED = 2000
"""What counts as the prefetch where there is none."""

Deliver = Callable[[Delivery], None]
Later = Callable[[float, Callable[[], None]], None]
"""Does something after so many seconds."""


class Consumer:
    """The consumer of one queue. Its methods belong to the connection's thread.

    ``epoch`` is the generation of its channel: a Delivery of another generation is no longer ours to settle. ``active`` is
    False after a cancel, while what was delivered before is still held. ``opening`` says that its channel was asked for.
    """

    def __init__(self, queue: str, number: int, later: Later) -> None:
        self.queue = queue
        self.number = number
        self._later = later
        self.epoch = 0
        self.active = self.opening = False
        self._prefetch = 0
        self._deliver: Deliver | None = None
        self._held: dict[int, None] = {}
        self._settled: set[int] = set()
        self._waited: set[int] = set()
        self._waiting = False
        self._decoder = Decoder()
        self._channel: pika.channel.Channel | None = None
        self._wire: Wire | None = None
        self._consuming: Callable[[], None] | None = None
        self._started = 0
        self._mark = b""

    def start(self, prefetch: int, deliver: Deliver) -> None:
        """Consume from now on, or as soon as there is a channel."""
        self.stop()
        self._prefetch, self._deliver, self.active = prefetch, deliver, True
        self._subscribe()

    def stop(self) -> None:
        """Cancel; what is on its way goes back to the queue when it comes."""
        if self.active and self._channel is not None and self._channel.is_open:
            self._channel.basic_cancel(self._mark[1:].decode())
        self.active = False
        self._mark = b""

    @property
    def is_open(self) -> bool:
        """Whether it has a channel."""
        return self._channel is not None

    def open(self, channel: pika.channel.Channel, wire: Wire, epoch: int, consuming: Callable[[], None]) -> None:
        """Begin anew on a channel that has just been opened; ``consuming`` is called whenever the broker agrees."""
        self._channel, self._wire, self.epoch, self._consuming = channel, wire, epoch, consuming
        self.opening = False
        wire.inlets[self.number] = self
        self._subscribe()

    def lose(self) -> None:
        """The channel is gone, and with it the hold on everything it delivered."""
        if self._wire is not None:
            self._wire.inlets.pop(self.number, None)
        self._channel = self._wire = None
        self.opening = False
        self._held.clear()
        self._settled.clear()
        self._waited.clear()
        self.epoch = 0

    def settle(self, tags: Iterable[int]) -> None:
        """Acknowledge: the oldest that are held without a gap in one go. The others wait a moment for those before them."""
        self._settled.update(tag for tag in tags if tag in self._held)
        oldest = list(takewhile(self._settled.__contains__, self._held))
        if oldest:
            self._forget(oldest)
            self._emit([settle_frame(self.number, _ACK, oldest[-1], True)])
        if len(self._settled) > self._room:
            self.settle_now()
        else:
            self._wait()

    @property
    def _room(self) -> int:
        """How many may wait."""
        return max(0, (self._prefetch or _UNLIMITED) - _WORK) // 2

    def settle_now(self) -> None:
        """Acknowledge all that waits, one by one."""
        self._settle_each(self._settled)

    def _settle_each(self, settled: Iterable[int]) -> None:
        tags = sorted(settled)
        self._forget(tags)
        self._emit([settle_frame(self.number, _ACK, tag, False) for tag in tags])

    def _wait(self) -> None:
        if self._settled and not self._waiting:
            self._waiting = True
            self._later(PATIENCE, self._have_waited)

    def _have_waited(self) -> None:
        self._waiting = False
        self._settle_each(self._waited & self._settled)
        self._waited = set(self._settled)
        self._wait()

    def _forget(self, tags: Iterable[int]) -> None:
        for tag in tags:
            del self._held[tag]
            self._settled.discard(tag)

    def put_back(self, tags: Iterable[int]) -> None:
        """Return to the queue, each on its own: returning many at once changes their order."""
        ours = [tag for tag in tags if tag in self._held and tag not in self._settled]
        self._forget(ours)
        self._emit([settle_frame(self.number, _REJECT, tag, True) for tag in ours])

    def take(self, buffer: bytes, start: int, stop: int) -> int:
        """Take a delivery (`wire.Inlet`)."""
        if not buffer.startswith(_DELIVER, start):
            return 0
        content = read_content(buffer, stop + 1, self.number)
        if isinstance(content, int):
            return content
        properties, body, following = content
        after_mark = start + 5 + buffer[start + 4]
        tag, redelivered = _TAG.unpack_from(buffer, after_mark)
        self._held[tag] = None
        if buffer[start + 4 : after_mark] != self._mark or self._deliver is None:
            self.put_back((tag,))
            return following
        exchange, key = self._decoder.route(buffer[after_mark + _TAG.size : stop])
        content_type, headers = self._decoder.properties(properties)
        self._deliver(
            Delivery(
                body=body,
                queue=self.queue,
                exchange=exchange,
                routing_key=key,
                content_type=content_type,
                headers=headers,
                tag=tag,
                epoch=self.epoch,
                redelivered=bool(redelivered),
            )
        )
        return following

    def _subscribe(self) -> None:
        if self._channel is None or not self._channel.is_open or not self.active:
            return
        self._started += 1
        name = f"winnowry.{self.epoch}.{self._started}"
        self._mark = bytes([len(name)]) + name.encode()
        self._channel.basic_qos(prefetch_count=self._prefetch)
        self._channel.basic_consume(self.queue, self._take_slowly, consumer_tag=name, callback=self._agreed)

    def _agreed(self, _frame: Any) -> None:
        if self._consuming is not None:
            self._consuming()

    def _take_slowly(self, _channel: Any, method: spec.Basic.Deliver, properties: spec.BasicProperties, body: bytes) -> None:
        """Take a delivery that frames of other channels had broken up, as pika puts it together."""
        self._held[method.delivery_tag] = None
        if not self.active or self._deliver is None:
            self.put_back((method.delivery_tag,))
            return
        content_type, headers = decode_properties(b"".join(properties.encode()))
        self._deliver(
            Delivery(
                body=body,
                queue=self.queue,
                exchange=str(method.exchange),
                routing_key=str(method.routing_key),
                content_type=content_type,
                headers=headers,
                tag=method.delivery_tag,
                epoch=self.epoch,
                redelivered=method.redelivered,
            )
        )

    def _emit(self, frames: list[bytes]) -> None:
        # On a channel that is being closed nothing may be said any more: the broker would close the connection.
        if frames and self._wire is not None and self._channel is not None and self._channel.is_open:
            self._wire.emit(b"".join(frames))
