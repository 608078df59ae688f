"""Where later work waits while a pump runs: queues of our own broker, or a store on our own disk."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from winnowry.io.broker import Broker
from winnowry.io.later_store import LaterStore
from winnowry.runners.engines.holders import Holder
from winnowry.runners.engines.inlet import Inlet

PREFETCH = 200
"""Deliveries of one later queue that an instance holds until they are due."""


PORTION = 1000
"""Deliveries of a store that are due and may wait here: what is not begun can be given back."""


class Later(Holder, Protocol):
    """Brings later work to the inlet when it is due."""

    def begin(self, inlet: Inlet) -> None:
        """Begin to bring, or go on after a pause."""

    def pause(self) -> None:
        """Bring nothing more for now."""

    def bring(self, inlet: Inlet) -> None:
        """Bring what is due; called once a turn."""


class BrokerLater:
    """Later queues: their consumers bring each head, and the inlet holds it until it is due. ``prefetch`` is for each queue."""

    def __init__(self, broker: Broker, queues: Sequence[str], prefetch: int = PREFETCH) -> None:
        self._broker = broker
        self._queues = queues
        self._prefetch = prefetch
        self.settle = broker.settle
        self.put_back = broker.put_back

    def begin(self, inlet: Inlet) -> None:
        """Consume the later queues."""
        for queue in self._queues:
            self._broker.consume(queue, self._prefetch, inlet.deliver_later)

    def pause(self) -> None:
        """Stop consuming."""
        for queue in self._queues:
            self._broker.cancel(queue)

    def bring(self, inlet: Inlet) -> None:
        """Do nothing: the consumers bring."""


class StoreLater:
    """A store on our own disk, looked into now and then."""

    def __init__(self, store: LaterStore, *, clock_ns: Callable[[], int] = time.time_ns, every: float = 0.2) -> None:
        self._store = store
        self._clock_ns = clock_ns
        self._every = int(every * 1e9)
        self._looked = 0
        self._paused = True
        self.settle = store.forget
        self.put_back = store.put_back

    def begin(self, inlet: Inlet) -> None:
        """Bring what is due from now on."""
        self._paused = False

    def pause(self) -> None:
        """Bring nothing more for now."""
        self._paused = True

    def bring(self, inlet: Inlet) -> None:
        """Bring what is due."""
        now = self._clock_ns()
        if self._paused or 0 <= now - self._looked < self._every:  # a clock set back stops nothing
            return
        self._looked = now
        inlet.come_due(self._store.due(now, PORTION - inlet.ready))
