"""What came off input queues and has not been begun; what a broken channel delivered is there once when it comes again."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from winnowry.schemas.delivery import Delivery

LEFT_FOR = 5.0
"""Seconds that what a broken channel left waits to be delivered again; it never will be where its queue was deleted."""

Sameness = tuple[str, str, bytes]


class Fresh:
    """Deliveries in the order of their coming. One thread appends, another takes.

    The first Delivery of a queue on another channel tells that the former channel is gone, and that the broker delivers again
    what was held on it. Each of those takes the place of what it repeats: kept beside it, it would be done twice, and a
    connection that breaks again and again would fill the memory.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: deque[Delivery] = deque()
        self._again: dict[Sameness, Delivery | None] = {}
        self._replaced: set[Sameness] = set()
        self._left: dict[Sameness, Delivery] = {}
        self._left_at = 0.0
        self._epochs: dict[str, int] = {}
        self._lock = threading.Lock()

    def append(self, delivery: Delivery) -> None:
        """Take what came."""
        if self._epochs.get(delivery.queue) != delivery.epoch:
            self._change(delivery.queue, delivery.epoch)
        if delivery.redelivered and (self._again or self._left) and self._replaces(delivery):
            return
        self._waiting.append(delivery)

    def popleft(self) -> Delivery:
        """Return what comes first; there has to be something to take."""
        with self._lock:
            if not self._waiting:
                return self._left.pop(next(iter(self._left)))
            delivery = self._waiting.popleft()
            return delivery if self._stands(delivery) else self._replacement(_sameness(delivery)) or delivery

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            for kept in (self._waiting, self._again, self._replaced, self._left):
                kept.clear()

    def __bool__(self) -> bool:
        """Whether one may be taken now."""
        with self._lock:
            while self._waiting and not self._stands(self._waiting[0]) and not self._again.get(_sameness(self._waiting[0])):
                self._leave(self._waiting.popleft())
            return bool(self._waiting) or (bool(self._left) and self._clock() - self._left_at > LEFT_FOR)

    def __len__(self) -> int:
        return len(self._waiting) + len(self._left)

    def __iter__(self) -> Iterator[Delivery]:
        with self._lock:
            return iter([*self._left.values(), *map(self._present, self._waiting)])

    def _present(self, delivery: Delivery) -> Delivery:
        return delivery if self._stands(delivery) else self._again.get(_sameness(delivery)) or delivery

    def _change(self, queue: str, epoch: int) -> None:
        with self._lock:
            self._epochs[queue] = epoch
            self._again |= {_sameness(one): None for one in self._waiting if one.queue == queue}
            self._replaced.clear()
            self._left_at = self._clock()

    def _replacement(self, key: Sameness) -> Delivery | None:
        self._replaced.add(key)
        return self._again.pop(key)

    def _leave(self, delivery: Delivery) -> None:
        key = _sameness(delivery)
        self._again.pop(key, None)
        if key not in self._replaced:  # else it is the same message, published twice, and has come again
            self._left[key] = delivery

    def _replaces(self, delivery: Delivery) -> bool:
        """Put what is delivered again in the place of what it repeats; False when that has no place any more."""
        key = _sameness(delivery)
        with self._lock:
            self._left.pop(key, None)
            placed = self._again.get(key, delivery)
            if placed is not None and self._stands(placed):
                return False
            self._again[key] = delivery
            return True

    def _stands(self, delivery: Delivery) -> bool:
        return delivery.epoch == self._epochs.get(delivery.queue)


def _sameness(delivery: Delivery) -> Sameness:
    return delivery.queue, delivery.exchange, delivery.body
