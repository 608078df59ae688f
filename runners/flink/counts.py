"""How the Arrivals of a pump have ended in this process."""

from collections import Counter
from collections.abc import Iterable
from threading import Lock

from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

METRICS = "winnowry"
"""The namespace in which Flink counts Outcomes by their endings, over all workers of a job's life."""


class Counts:
    """Outcomes by ending and reason, of bundles that came to their end. Safe for threads."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Ending, Reason]] = Counter()
        self._lock = Lock()

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Count these."""
        with self._lock:
            self._counts.update((outcome.ending, outcome.reason) for outcome in outcomes)

    def told(self) -> dict[str, int]:
        """Return how many ended how."""
        with self._lock:
            return {f"{ending.value}:{reason.code}": count for (ending, reason), count in self._counts.items()}


_COUNTS: dict[tuple[str, str], Counts] = {}
_OPENING = Lock()


def counts_of(cluster: str, pump: str) -> Counts:
    """Return the counts of a pump in this process."""
    with _OPENING:
        return _COUNTS.setdefault((cluster, pump), Counts())
