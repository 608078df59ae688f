"""Run rounds so that one bad Arrival harms no other, and every Delivery that enters leaves with exactly one Outcome."""

import shutil
import traceback
from collections.abc import Callable, Iterable, Iterator
from uuid import uuid4

import apache_beam as beam
import structlog
from apache_beam.pvalue import PCollection

from winnowry.pipelines.pump import Outcomes
from winnowry.runners.direct.rounds import Slot, compile_rounds, enter, leave
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

log = structlog.get_logger(__name__)

DETAIL_LIMIT = 1000


class HalvingRounds:
    """A compiled pipeline. ``twice`` runs every round two times on the same Arrivals, to show that no step minds."""

    def __init__(self, pipeline: Callable[[PCollection], Outcomes], *, twice: bool = False) -> None:
        name = uuid4().hex
        graph = beam.Pipeline(runner="FnApiRunner")
        leave(pipeline(enter(graph, name)), name)
        self._runs = 2 if twice else 1
        self._slot = Slot(name)
        self._rounds = compile_rounds(graph)
        shutil.rmtree(graph.local_tempdir, ignore_errors=True)  # Beam removes it only after its own way of running
        self.close = self._rounds.close

    def run(self, deliveries: list[Delivery]) -> list[Outcome]:
        """Return the Outcomes of a round.

        A round that raises is run again in halves until the culprit stands alone: that one ends as `failed: bug`.
        """
        try:
            return self._run(deliveries)
        except Exception:
            if len(deliveries) == 1:
                log.exception("a Delivery made the pump raise")
                return [_bug(deliveries[0], traceback.format_exc())]
            middle = len(deliveries) // 2
            return self.run(deliveries[:middle]) + self.run(deliveries[middle:])

    def _run(self, deliveries: list[Delivery]) -> list[Outcome]:
        for _ in range(self._runs):
            self._slot.deliveries = deliveries
            self._slot.outcomes.clear()
            self._rounds.run()
        outcomes = self._slot.outcomes.copy()
        return outcomes if len(outcomes) == len(deliveries) else list(_one_each(deliveries, outcomes))


def _bug(delivery: Delivery, detail: str) -> Outcome:
    return Outcome(ending=Ending.FAILED, reason=Reason.BUG, delivery=delivery, detail=detail[-DETAIL_LIMIT:])


def _one_each(deliveries: Iterable[Delivery], outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """A step that drops or doubles an element is a bug to be told of."""
    ended = {outcome.delivery.hold: outcome for outcome in outcomes}
    for delivery in deliveries:
        yield ended.get(delivery.hold) or _bug(delivery, "a step of the pipeline lost this Arrival")
