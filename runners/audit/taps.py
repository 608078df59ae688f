"""Copies of everything that crosses exchanges, kept by the broker until they are read."""

import queue
from collections.abc import Callable, Sequence
from contextlib import suppress

from winnowry.io.amqp.broker import AmqpBroker
from winnowry.io.amqp.errors import translated
from winnowry.io.amqp.settings import AmqpSettings
from winnowry.io.amqp.visit import visit
from winnowry.io.broker import Broker, Queue, Topology
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Terminal, Transient, Unreachable
from winnowry.schemas.reasons import Reason

PREFETCH = 2000
PEEKED = 65_535
"""Messages of a queue that are looked at at most: as many as a consumer may hold."""
BATCH = 500
PATIENCE = 30.0
"""Seconds without a message after which a broker that still has some is given up."""
NAME = "winnowry audit"


def connect(urls: tuple[str, ...]) -> AmqpBroker:
    """Return a connection of the audit's own."""
    return AmqpBroker(AmqpSettings(urls=urls, name=NAME))


def remove(urls: tuple[str, ...], queues: Sequence[str]) -> None:
    """Remove queues from a broker; one that is away removes them itself, when they have expired."""
    with suppress(Transient, Terminal), visit(AmqpSettings(urls=urls, name=NAME)) as connection:
        channel = connection.channel()
        for name in queues:
            with translated():
                channel.queue_delete(name)


class Taps:
    """Durable queues on some exchanges of one broker, which must exist. They survive the broker's own death.

    ``prefix`` begins their names, which are in ``queues``; the broker removes them when they were unused for ``expires``
    seconds.
    """

    def __init__(self, broker: Broker, *, prefix: str, expires: float) -> None:
        self.broker = broker
        self.queues: list[str] = []
        self._prefix, self._expires = prefix, expires

    def tap(self, exchange: str) -> None:
        """Keep copies of what crosses ``exchange`` from now on. Raises Terminal where the broker does not let us."""
        name = f"{self._prefix}{exchange}"
        self.queues.append(name)
        self.broker.declare(Topology(queues=(Queue(name=name, bindings=((exchange, "#"),), expires=self._expires),)))

    def read(self, exchange: str, take: Callable[[Delivery], None]) -> int:
        """Hand everything that has crossed ``exchange`` by now to ``take``, once, in its order; return how many."""
        name = f"{self._prefix}{exchange}"
        left = ready = self.broker.depth(name)
        inbox: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        if ready:
            self.broker.consume(name, PREFETCH, inbox.put)
        while left:
            batch = _some(inbox, min(left, BATCH))
            for delivery in batch:
                take(delivery)
            self.broker.settle(batch)
            left -= len(batch)
        if ready:
            _leave(self.broker, name, inbox)
        return ready


def peek(broker: Broker, name: str) -> list[Delivery]:
    """Return what is in a queue now, and leave it there; what is behind the first 65,535 is not looked at."""
    left = min(broker.depth(name), PEEKED)
    found: list[Delivery] = []
    inbox: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
    if left:
        broker.consume(name, left, inbox.put)
        while len(found) < left:
            found += _some(inbox, left - len(found))
        _leave(broker, name, inbox)
        broker.put_back(found)
    return found


def _leave(broker: Broker, name: str, inbox: "queue.SimpleQueue[Delivery]") -> None:
    """Stop consuming, and give back what has come and was not asked for."""
    broker.cancel(name)
    with suppress(queue.Empty):
        while True:
            broker.put_back([inbox.get_nowait()])


def _some(inbox: "queue.SimpleQueue[Delivery]", wanted: int) -> list[Delivery]:
    """Return up to so many messages: at least one, and then what is there."""
    try:
        batch = [inbox.get(timeout=PATIENCE)]
    except queue.Empty:
        raise Unreachable(Reason.TIMED_OUT, "the broker hands out nothing of what it keeps for the audit") from None
    with suppress(queue.Empty):
        while len(batch) < wanted:
            batch.append(inbox.get_nowait())
    return batch
