"""A transfer that hardly moves gives its path to a twin that waits for it: a hanging source must not hide a healthy one."""

from collections.abc import Callable

from msgspec.structs import replace

from winnowry.io.memory import Memory
from winnowry.io.transfers import Transfers
from winnowry.runners.direct.parked import Parked
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

PATIENCE = 10.0
"""Seconds that a twin waits for progress, twice as many at each further attempt: two slow sources would else take turns for
ever, each from the first byte."""

MOST_DOUBLINGS = 6

PROGRESS = 10_000
"""Bytes within ``PATIENCE`` seconds that are progress; less is what a server sends that is about to hang."""

AGAIN_AFTER = 10.0
"""Seconds until who gave way is looked at again: a repeat by then, unless the twin has failed."""


class GiveWay:
    """Finds transfers that twins wait for and that make no progress.

    It looks at a transfer from the moment when a twin wants its path. To give way counts as an attempt.
    """

    def __init__(self, transfers: Transfers, memory: Memory, clock: Callable[[], float]) -> None:
        self._transfers = transfers
        self._memory = memory
        self._clock = clock
        self._seen: dict[bytes, tuple[int, float]] = {}

    def find(self, parked: Parked) -> list[Outcome]:
        """Return the Outcomes of those that give way, to be tried later: parked no more, and their transfers stopped."""
        wanted = [outcome for outcome in parked.transferring() if self._is_wanted(outcome)]
        seen, self._seen = self._seen, {}
        return [self._give_way(outcome, parked) for outcome in wanted if self._hangs(outcome, seen)]

    def _is_wanted(self, outcome: Outcome) -> bool:
        claim = outcome.arrival.claim if outcome.arrival is not None else None
        return claim is not None and self._memory.is_wanted(claim.path)

    def _hangs(self, outcome: Outcome, seen: dict[bytes, tuple[int, float]]) -> bool:
        assert outcome.arrival is not None
        key, now = outcome.arrival.identity, self._clock()
        received = self._transfers.received(key)
        if received is None:  # it is over, and about to be woken
            return False
        before, since = seen.get(key, (received, now))
        if received - before >= PROGRESS:
            before, since = received, now
        self._seen[key] = before, since
        return now - since >= patience(outcome.delivery.attempt)

    def _give_way(self, outcome: Outcome, parked: Parked) -> Outcome:
        assert outcome.arrival is not None
        key = outcome.arrival.identity
        parked.pop(key)
        self._transfers.cancel(key)
        detail = f"hardly anything came for {patience(outcome.delivery.attempt):.0f} s, and a twin waits"
        return replace(outcome, ending=Ending.RETRIED, reason=Reason.TIMED_OUT, delay=AGAIN_AFTER, detail=detail)


def patience(attempt: int) -> float:
    """Return how many seconds a twin waits for progress.

    >>> [patience(attempt) for attempt in (1, 2, 3, 100)]
    [10.0, 20.0, 40.0, 640.0]
    """
    return PATIENCE * 2.0 ** min(attempt - 1, MOST_DOUBLINGS)
