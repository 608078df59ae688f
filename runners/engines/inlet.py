"""What waits to enter the next round: fresh Deliveries, later work that has come due, and parked work that goes on."""

import heapq
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from winnowry.io.later import longest_wait, onward, restore, strip
from winnowry.runners.bell import Bell
from winnowry.runners.engines.fresh import Fresh
from winnowry.schemas.delivery import BODY_LIMIT, Delivery, Message


class Inlet:
    """The one door into the rounds. ``deliver``, ``deliver_later`` and ``wake`` may be called from any thread."""

    def __init__(self, *, clock_ns: Callable[[], int], supply: Iterator[Delivery] | None = None) -> None:
        self._clock_ns = clock_ns
        self._supply = supply
        self._fresh = Fresh()
        self._again: deque[Delivery] = deque()
        self._ready: deque[Delivery] = deque()
        self._finished: deque[bytes] = deque()
        self._later: list[tuple[int, int, Delivery, Message | None, int]] = []
        self._hops: list[tuple[Delivery, Message]] = []
        self._lock = threading.Lock()
        self._stir = Bell()
        self._arrived = 0
        self._seen = 0

    def deliver(self, delivery: Delivery) -> None:
        """Take what came off an input queue; headers that look like our bookkeeping are not believed there.

        Of a body that is too large nothing is kept but what shows that it is: thousands of them would not fit into memory.
        """
        if len(delivery.body) > BODY_LIMIT:
            delivery = replace(delivery, body=delivery.body[: BODY_LIMIT + 1])
        self._fresh.append(strip(delivery) if delivery.headers else delivery)
        if not self._stir.rung:
            self._stir.ring()

    def deliver_later(self, delivery: Delivery) -> None:
        """Take the head of a later queue, and hold it until it is due: no longer than is usual in that queue.

        Delivered again, it takes the place of the former.
        """
        restored, due = restore(delivery)
        if delivery.redelivered:
            self._forget_former(restored, due)
        self.keep(restored, due, onward(delivery), longest_wait(delivery))

    def keep(self, delivery: Delivery, due: int, hop: Message | None = None, longest: int | None = None) -> None:
        """Hold a Delivery until ``due`` (Unix nanoseconds); then it enters a round, or takes its next ``hop``.

        It is held for at most ``longest`` nanoseconds: that it is due later says that the clock was set back since.
        """
        with self._lock:
            self._arrived += 1
            now = self._now()
            until = due if longest is None else min(due, now + longest)
            heapq.heappush(self._later, (until, self._arrived, delivery, hop, due))
        self._stir.ring()

    def _forget_former(self, again: Delivery, due: int) -> None:
        """Forget what a broken channel delivered: kept beside its repetition it would be tried twice, and postponed twice."""
        with self._lock:
            self._later = [entry for entry in self._later if not (entry[4] == due and _repeats(again, entry[2]))]
            heapq.heapify(self._later)

    def again(self, *deliveries: Delivery) -> None:
        """Let parked Deliveries enter the next round in this order, ahead of all others: they came before them."""
        self._again.extendleft(reversed(deliveries))
        self._stir.ring()

    def come_due(self, deliveries: Iterable[Delivery]) -> None:
        """Let later work enter the next rounds, behind what was parked and ahead of what is fresh."""
        self._ready.extend(deliveries)
        self._stir.ring()

    def finish(self, key: bytes) -> None:
        """Take note that a transfer is over, from any thread; whoever was parked for it goes on after the present round."""
        self._finished.append(key)
        self._stir.ring()

    def finished(self) -> Iterator[bytes]:
        """Yield the keys of transfers that are over, each once."""
        while self._finished:
            yield self._finished.popleft()

    def stir(self) -> None:
        """End a ``wait``: something has happened elsewhere."""
        self._stir.ring()

    def wait(self, seconds: float) -> None:
        """Wait until something stirs, or a later Delivery comes due, for at most so long."""
        with self._lock:
            if self._later:
                seconds = min(seconds, max(0.0, (self._later[0][0] - self._now()) / 1e9))
        self._stir.wait(seconds)
        self._stir.hush()

    def take(self, limit: int, *, only_again: bool = False) -> list[Delivery]:
        """Return at most ``limit`` Deliveries: parked ones first, then due ones, then fresh ones; or none but parked ones."""
        taken: list[Delivery] = []
        if not only_again:
            self._ready.extend(self._due(limit))
        for ready in (self._again,) if only_again else (self._again, self._ready, self._fresh):
            while ready and len(taken) < limit:
                taken.append(ready.popleft())
        if self._supply is not None and len(taken) < limit and not only_again:
            taken.extend(self._supplied(limit - len(taken)))
        return taken

    def _due(self, limit: int) -> deque[Delivery]:
        due: deque[Delivery] = deque()
        if self._later:
            with self._lock:
                now = self._now()
                while self._later and self._later[0][0] <= now and len(due) < limit:
                    _, _, delivery, hop, _ = heapq.heappop(self._later)
                    if hop is None:
                        due.append(delivery)
                    else:
                        self._hops.append((delivery, hop))
        return due

    def _now(self) -> int:
        """Return the time, in Unix nanoseconds. What is held does not wait longer when the clock has been set back."""
        now = self._clock_ns()
        if now < self._seen:
            self._later = [(entry[0] + now - self._seen, *entry[1:]) for entry in self._later]
        self._seen = now
        return now

    def hops(self) -> list[tuple[Delivery, Message]]:
        """Return what has waited in its later queue and has to wait on, with the copies to publish."""
        hops, self._hops = self._hops, []
        return hops

    def _supplied(self, limit: int) -> Iterator[Delivery]:
        assert self._supply is not None
        for _ in range(limit):
            delivery = next(self._supply, None)
            if delivery is None:
                self._supply = None
                return
            yield delivery

    def empty(self) -> list[Delivery]:
        """Give up what has not been begun, to be put back. What was parked goes on: it holds reservations."""
        with self._lock:
            held = [delivery for _, _, delivery, _, _ in self._later]
            self._later.clear()
        for waiting in (self._ready, self._fresh):
            held.extend(waiting)
            waiting.clear()
        return held

    def end_supply(self) -> None:
        """Take nothing more from the supply."""
        self._supply = None

    @property
    def waiting(self) -> int:
        """How many could enter a round now."""
        supplied = 1 if self._supply is not None else 0
        return len(self._fresh) + len(self._again) + len(self._ready) + supplied

    @property
    def ready(self) -> int:
        """How many of later work are due, and have not entered a round."""
        return len(self._ready)

    @property
    def later(self) -> int:
        """How many are held here until they are due."""
        return len(self._later)


def _repeats(again: Delivery, former: Delivery) -> bool:
    """Whether one Delivery off a later queue is the other, delivered again on another channel."""
    same = (again.held_by, again.attempt, again.exchange, again.body)
    return again.epoch != former.epoch and same == (former.held_by, former.attempt, former.exchange, former.body)
