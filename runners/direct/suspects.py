"""What may have killed the process before this one is tried with care: in small rounds, then alone, and at last not at all.

A pump that its supervisor started after a crash suspects every Delivery that comes redelivered. They run in small portions,
each noted on disk before it begins, and nothing else is begun meanwhile. Those that were noted when a process died run alone;
one that was noted at the third crash becomes a dead letter. A process that somebody killed has not crashed.
"""

from collections import deque
from collections.abc import Callable, Iterable

import structlog

from winnowry.io.crashes import CrashBook
from winnowry.schemas.arrival import identify
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

log = structlog.get_logger(__name__)

PORTION = 50
"""Suspects that run together."""

CRASHES = 2
"""Crashes noted of a Delivery after which it is not tried again: with the first, of which nobody took note, the third."""

ALONE_SECONDS = 10.0
TOGETHER_SECONDS = 1.0
"""Seconds for which a suspect that runs alone, or a portion, keeps all others waiting. What takes longer stays noted, and
lets them go on."""


class Suspects:
    """The suspects of one process. Used on the thread of the rounds."""

    def __init__(self, book: CrashBook, clock: Callable[[], float]) -> None:
        self._book = book
        self._clock = clock
        self._alone: deque[Delivery] = deque()
        self._waiting: deque[Delivery] = deque()
        self._condemned: deque[Delivery] = deque()
        self._behind: list[Delivery] = []
        self._underway: dict[bytes, bytes] = {}
        self._until = 0.0

    def __len__(self) -> int:
        return len(self._alone) + len(self._waiting) + len(self._behind)

    @property
    def busy(self) -> bool:
        """Whether suspects wait or are underway: then nothing else is to begin."""
        return bool(self._underway or self._alone or self._waiting)

    def set_aside(self, taken: Iterable[Delivery]) -> list[Delivery]:
        """Keep the suspects among these until it is their turn; return the others.

        What comes with the first suspects waits behind them: it is younger, and would let them end as superseded.
        """
        others: list[Delivery] = []
        busy = self.busy
        for delivery in taken:
            if not delivery.redelivered or delivery.hold in self._underway:
                others.append(delivery)
            else:
                self._place_of(self._book.crashes(identify(delivery))).append(delivery)
        if busy or not self.busy:
            return others
        self._behind = others
        return []

    def follow(self) -> list[Delivery]:
        """Return what has waited behind suspects, when the last of them is over."""
        if self.busy:
            return []
        behind, self._behind = self._behind, []
        return behind

    def _place_of(self, crashes: int) -> deque[Delivery]:
        if crashes >= CRASHES:
            return self._condemned
        return self._alone if crashes else self._waiting

    def next_portion(self) -> list[Delivery]:
        """Return the suspects whose turn it is, noted as underway; nothing while others are."""
        if self._underway and self._clock() < self._until:
            return []
        self._underway.clear()  # what still transfers stays noted until it is settled, and lets others go on
        self._until = self._clock() + (ALONE_SECONDS if self._alone else TOGETHER_SECONDS)
        portion = [self._alone.popleft()] if self._alone else [self._waiting.popleft() for _ in self._waiting_now()]
        self._underway = {delivery.hold: identify(delivery) for delivery in portion}
        if portion:
            self._book.begin(self._underway.values())
        return portion

    def condemned(self) -> list[Outcome]:
        """Return the ends of those that will not be tried again; they wait no more."""
        guilty = [self._condemned.popleft() for _ in range(len(self._condemned))]
        for delivery in guilty:
            log.error("a Delivery has crashed the pump three times: it is a dead letter now", queue=delivery.queue)
        detail = f"the pump crashed {CRASHES + 1} times with it"
        return [Outcome(ending=Ending.FAILED, reason=Reason.CRASHED, delivery=one, detail=detail) for one in guilty]

    def settled(self, delivery: Delivery) -> None:
        """Take note that a Delivery has come to its end."""
        if self._underway.pop(delivery.hold, None) is not None or delivery.redelivered:
            self._book.end(identify(delivery))

    def empty(self) -> list[Delivery]:
        """Give up what has not been begun, to be put back."""
        left = [*self._alone, *self._waiting, *self._behind]
        self._alone.clear()
        self._waiting.clear()
        self._behind = []
        return left

    def _waiting_now(self) -> range:
        return range(min(PORTION, len(self._waiting)))
