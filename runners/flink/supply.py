"""What a reader hands out next: fresh Deliveries, later work that has come due; after too many setbacks, a few at a time."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from winnowry.io.broker import Broker, Confirm, Confirmations
from winnowry.io.crashes import CrashBook
from winnowry.io.dead import bury
from winnowry.runners.direct.suspects import Suspects
from winnowry.runners.engines.holders import Holders
from winnowry.runners.engines.inlet import Inlet
from winnowry.runners.engines.later import BrokerLater
from winnowry.runners.flink.job import Reading
from winnowry.runners.flink.setbacks import Setbacks
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.outcome import Outcome


class Supply:
    """The consumers of one reader. ``take`` belongs to the reader's thread, all else to any. Raises DiskTrouble."""

    def __init__(self, reading: Reading, source: Broker, target: Broker, clock: Callable[[], float]) -> None:
        self._reading, self._source, self._target, self._clock = reading, source, target, clock
        self.inlet = Inlet(clock_ns=lambda: int(clock() * 1e9))
        self._later = BrokerLater(target, reading.job.later_queues, reading.job.prefetch)
        self._holders = Holders(source, self._later)
        folder = reading.job.pump.state / str(reading.number)
        self._setbacks = Setbacks(folder / "begun")
        book = CrashBook(folder / "crashes.json", crashed=self._setbacks.many and self._setbacks.sudden)
        self._suspects = Suspects(book, time.monotonic) if self._setbacks.many else None
        self._settled: deque[Delivery] = deque()

    def begin(self) -> None:
        """Consume, for the first time or after a pause."""
        for edge in self._reading.job.pump.inputs:
            self._source.consume(edge.queue, self._reading.job.prefetch, self.inlet.deliver)
        self._later.begin(self.inlet)

    def pause(self) -> None:
        """Stop consuming, and give back what was not handed out."""
        for edge in self._reading.job.pump.inputs:
            self._source.cancel(edge.queue)
        self._later.pause()
        self._holders.put_back(self.inlet.empty())

    def take(self, limit: int, patience: float) -> list[Delivery]:
        """Return at most ``limit`` Deliveries; wait ``patience`` seconds for one where there is none."""
        if hops := self.inlet.hops():
            self._move(hops)
        taken = self._next(limit)
        if not taken and patience:
            self.inlet.wait(patience)
            taken = self._next(limit)
        return taken

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Let go of these for good."""
        self._holders.settle(deliveries)
        if self._suspects is not None:
            self._settled.extend(deliveries)
        elif deliveries:
            self._setbacks.progress()

    def _next(self, limit: int) -> list[Delivery]:
        suspects = self._suspects
        if suspects is None:
            return self.inlet.take(limit)
        while self._settled:
            suspects.settled(self._settled.popleft())
            if not suspects.busy:  # while some are left, the next beginning is to be careful too
                self._setbacks.progress()
        if followers := suspects.follow():
            return followers
        innocent = suspects.set_aside([] if suspects.busy else self.inlet.take(limit))
        if condemned := suspects.condemned():
            self._move([(outcome.delivery, self._letter(outcome)) for outcome in condemned])
        return innocent or suspects.next_portion()

    def _letter(self, outcome: Outcome) -> Message:
        reading = self._reading
        return bury(outcome, int(self._clock() * 1e9), account=reading.job.owner, pump=reading.job.pump.name)

    def _move(self, copies: Sequence[tuple[Delivery, Message]]) -> None:
        """Publish what takes a Delivery's place, and settle it when that is confirmed."""
        self._target.publish(copies, self._moved)

    def _moved(self, confirmations: Confirmations) -> None:
        self._holders.settle([delivery for delivery, answer in confirmations if answer is Confirm.CONFIRMED])
