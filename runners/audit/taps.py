"""Copies of everything that crosses exchanges, kept by the broker until they are read."""

import queue
from collections.abc import Callable
from contextlib import suppress

from winnowry.io.amqp.broker import AmqpBroker
from winnowry.io.amqp.errors import translated
from winnowry.io.amqp.settings import AmqpSettings
from winnowry.io.amqp.visit import visit
from winnowry.io.broker import Queue, Topology
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Terminal, Transient, Unreachable
from winnowry.schemas.reasons import Reason

PREFETCH = 2000
BATCH = 500
PATIENCE = 30.0
"""Seconds without a message after which a broker that still has some is given up."""


class Taps:
    """Durable queues on some exchanges of one broker, which must exist; removed by ``close``, or by the broker if we die.

    They survive the broker's own death. ``prefix`` begins their names; ``expires`` is in seconds unused.
    """

    def __init__(self, urls: tuple[str, ...], *, prefix: str, expires: float) -> None:
        self._settings = AmqpSettings(urls=urls, name="winnowry audit")
        self._prefix, self._expires = prefix, expires
        self._queues: list[str] = []
        self.broker = AmqpBroker(self._settings)

    def tap(self, exchange: str) -> None:
        """Keep copies of what crosses ``exchange`` from now on. Raises Terminal where the broker does not let us."""
        name = f"{self._prefix}{exchange}"
        self._queues.append(name)
        self.broker.declare(Topology(queues=(Queue(name=name, bindings=((exchange, "#"),), expires=self._expires),)))

    def read(self, exchange: str, take: Callable[[Delivery], None]) -> int:
        """Hand everything that has crossed ``exchange`` by now to ``take``, once, in its order; return how many."""
        name = f"{self._prefix}{exchange}"
        left = ready = self.broker.depth(name)
        if not ready:
            return 0
        inbox: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self.broker.consume(name, PREFETCH, inbox.put)
        while left:
            batch = _some(inbox, min(left, BATCH))
            for delivery in batch:
                take(delivery)
            self.broker.settle(batch)
            left -= len(batch)
        self.broker.cancel(name)
        with suppress(queue.Empty):
            while True:
                self.broker.put_back([inbox.get_nowait()])
        return ready

    def close(self) -> None:
        """Remove the queues and disconnect; a broker that is gone removes them itself, when they have expired."""
        with suppress(Transient, Terminal), visit(self._settings) as connection:
            channel = connection.channel()
            for name in self._queues:
                with translated():
                    channel.queue_delete(name)
        self.broker.close()


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
