"""The server behind `FakeBroker` connections: topic exchanges, durable queues, and what is in them."""

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec

from winnowry.io.broker import Confirm, Confirmations, Topology
from winnowry.io.topic import takes
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.errors import Terminal
from winnowry.schemas.reasons import Reason

Deliver = Callable[[Delivery], None]
Send = Callable[[], Sequence[tuple[Callable[[Confirmations], None], Confirmations]]]


class Stored(msgspec.Struct, order=True):
    """A message in a queue, or held by a consumer; ``number`` is its place."""

    number: int
    message: Message
    redelivered: bool = False


class FakeConsumer:
    """One connection's consumer of one queue, and what it holds. Used by those who hold the server's lock."""

    def __init__(self, queue: str, server: "FakeExchangeServer") -> None:
        self.queue = queue
        self.held: dict[int, Stored] = {}
        self.deliver: Deliver | None = None
        self._server = server
        self._prefetch = 0
        self._tags = itertools.count(1)
        self._counted: set[int] = set()
        self.epoch = server.next_epoch()

    @property
    def has_room(self) -> bool:
        """Whether it takes another message."""
        return self.deliver is not None and (self._prefetch == 0 or len(self._counted) < self._prefetch)

    def start(self, prefetch: int, deliver: Deliver) -> None:
        """Consume; what a consumer before held does not count."""
        self._prefetch, self.deliver = prefetch, deliver
        self._counted.clear()

    def stop(self) -> None:
        """Take no more."""
        self.deliver = None

    def lose(self) -> None:
        """Give everything back, and begin a new epoch."""
        for tag in list(self.held):
            self.put_back(tag)
        self.epoch = self._server.next_epoch()
        self._tags = itertools.count(1)

    def release(self, tag: int) -> Stored:
        """Hold this one no longer."""
        self._counted.discard(tag)
        return self.held.pop(tag)

    def put_back(self, tag: int) -> None:
        """Return one message to its place."""
        stored = self.release(tag)
        stored.redelivered = True
        heapq.heappush(self._server.ready(self.queue), stored)

    def take(self, stored: Stored) -> Delivery:
        """Hold a message and return its Delivery."""
        tag = next(self._tags)
        self.held[tag] = stored
        self._counted.add(tag)
        message = stored.message
        return Delivery(
            body=message.body,
            queue=self.queue,
            exchange=message.exchange,
            routing_key=message.routing_key,
            content_type=message.content_type,
            headers=message.headers,
            tag=tag,
            epoch=self.epoch,
            redelivered=stored.redelivered,
        )


class FakeExchangeServer:
    """What `FakeBroker` connections share. ``full`` names queues that refuse what is published to them.

    ``blocked`` is why nothing may be published at the moment, or empty. Methods other than ``block``, ``unblock`` and
    ``bodies`` are for connections, inside ``change``.
    """

    def __init__(self) -> None:
        self.full: set[str] = set()
        self.blocked = ""
        self._exchanges: dict[str, dict[tuple[str, str], None]] = {}
        self._queues: dict[str, list[Stored]] = {}
        self._consumers: dict[str, deque[FakeConsumer]] = {}
        self._senders: list[Send] = []
        self._numbers = itertools.count(1)
        self._epochs = itertools.count(1)
        self._lock = threading.RLock()
        self._callbacks: deque[Callable[[], Any]] = deque()
        self._calling = False

    def block(self, reason: str = "low on memory") -> None:
        """Let nothing be published until ``unblock``."""
        with self.change():
            self.blocked = reason

    def unblock(self) -> None:
        """Go on."""
        with self.change():
            self.blocked = ""

    def bodies(self, queue: str) -> list[bytes]:
        """Return the bodies that are ready in a queue, oldest first. Raises Terminal where there is no such queue."""
        with self._lock:
            return [stored.message.body for stored in sorted(self.ready(queue))]

    @contextmanager
    def change(self) -> Iterator[None]:
        """Hold the lock for a change, then move on whatever it has set free, and run the callbacks."""
        with self._lock:
            yield
            for send in list(self._senders):
                self._callbacks += [partial(answered, confirmations) for answered, confirmations in send()]
            for queue in list(self._consumers):
                self._hand_out(queue)
        self._call()

    def join(self, send: Send) -> None:
        """Let a connection send whenever something changes."""
        with self._lock:
            self._senders.append(send)

    def leave(self, send: Send) -> None:
        """Let it send no more."""
        self._senders.remove(send)

    def next_epoch(self) -> int:
        """Return a number that no channel has had."""
        return next(self._epochs)

    def add_consumer(self, queue: str) -> FakeConsumer:
        """Add a consumer, not started yet. Raises Terminal where there is no such queue."""
        self.ready(queue)
        consumer = FakeConsumer(queue, self)
        self._consumers.setdefault(queue, deque()).append(consumer)
        return consumer

    def remove_consumer(self, consumer: FakeConsumer) -> None:
        """Remove a consumer that holds nothing any more."""
        self._consumers[consumer.queue].remove(consumer)

    def ready(self, queue: str) -> list[Stored]:
        """Return the heap of what is ready in a queue. Raises Terminal where there is no such queue."""
        if queue not in self._queues:
            raise Terminal(Reason.NOT_FOUND, f"no queue {queue!r}")
        return self._queues[queue]

    def has_exchange(self, exchange: str) -> bool:
        """Whether there is such an exchange; the default one, whose name is empty, always is."""
        return exchange == "" or exchange in self._exchanges

    def declare(self, topology: Topology) -> None:
        """Add what is not there yet."""
        for exchange in topology.exchanges:
            self._exchanges.setdefault(exchange, {})
        for queue in topology.queues:
            self.ready(queue.name) if queue.passive else self._queues.setdefault(queue.name, [])
            for exchange, key in queue.bindings:
                if exchange not in self._exchanges:
                    raise Terminal(Reason.NOT_FOUND, f"no exchange {exchange!r}")
                self._exchanges[exchange][key, queue.name] = None

    def route(self, message: Message) -> Confirm:
        """Put a message into the queues whose bindings take it."""
        queues = self._takers(message)
        if self.full.intersection(queues):
            return Confirm.REFUSED
        for queue in queues:
            heapq.heappush(self._queues[queue], Stored(next(self._numbers), message))
        return Confirm.UNROUTABLE if message.mandatory and not queues else Confirm.CONFIRMED

    def _takers(self, message: Message) -> list[str]:
        if message.exchange == "":
            return [message.routing_key] if message.routing_key in self._queues else []
        bindings = self._exchanges[message.exchange]
        return list(dict.fromkeys(queue for key, queue in bindings if takes(key, message.routing_key)))

    def _hand_out(self, queue: str) -> None:
        """Give what is ready to the consumers that have room, in turn."""
        ready, consumers = self._queues[queue], self._consumers[queue]
        while ready and (consumer := next((one for one in consumers if one.has_room), None)) is not None:
            self._callbacks.append(partial(self._deliver, consumer, consumer.take(heapq.heappop(ready))))
            consumers.remove(consumer)
            consumers.append(consumer)

    def _deliver(self, consumer: FakeConsumer, delivery: Delivery) -> None:
        """Deliver, unless the consumer has been cancelled or cut off since."""
        with self.change():
            deliver = consumer.deliver
            if consumer.epoch != delivery.epoch:
                return
            if deliver is None:
                consumer.put_back(delivery.tag)
                return
        deliver(delivery)

    def _call(self) -> None:
        """Run what is to be called, unless a caller further up, or another thread, is doing so."""
        while True:
            with self._lock:
                if self._calling or not self._callbacks:
                    return
                callback, self._calling = self._callbacks.popleft(), True
            try:
                callback()
            finally:
                self._calling = False
