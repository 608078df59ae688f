"""Run rounds so that one bad Arrival harms no other, and every Delivery that enters leaves with exactly one Outcome."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from uuid import uuid4

import apache_beam as beam
import structlog
from apache_beam.pvalue import PCollection

from winnowry.pipelines.pump import Outcomes
from winnowry.runners.direct.rounds import Slot, compile_rounds, enter, leave
from winnowry.runners.unforeseen import attempt, bug, culprit
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.outcome import Outcome

log = structlog.get_logger(__name__)


def graph_of(pipeline: Callable[[PCollection], Outcomes], slot: str) -> beam.Pipeline:
    """Return the graph of a round: a pipeline between what enters by a slot and what leaves by it."""
    graph = beam.Pipeline(runner="FnApiRunner")
    leave(pipeline(enter(graph, slot)), slot)
    return graph


class HalvingRounds:
    """A compiled pipeline. ``twice`` runs every round two times on the same Arrivals, to show that no step minds."""

    def __init__(self, pipeline: Callable[[PCollection], Outcomes], *, twice: bool = False) -> None:
        name = uuid4().hex
        graph = graph_of(pipeline, name)
        self._runs = 2 if twice else 1
        self._slot = Slot(name)
        self._rounds = compile_rounds(graph)
        shutil.rmtree(graph.local_tempdir, ignore_errors=True)  # Beam removes it only after its own way of running

    def close(self) -> None:
        """Tear the worker down."""
        self._rounds.close()
        self._slot.close()

    def run(self, deliveries: list[Delivery]) -> list[Outcome]:
        """Return the Outcomes of a round.

        A round that raises is run again in halves until the culprit stands alone: that one ends as `failed: bug`, or is tried
        again when the disk or a broker was in trouble.
        """
        return attempt(lambda: self._run(deliveries), lambda error: self._halve(deliveries, error))

    def _halve(self, deliveries: list[Delivery], error: Exception) -> list[Outcome]:
        if len(deliveries) == 1:
            return [culprit(deliveries[0], error)]
        middle = len(deliveries) // 2
        return self.run(deliveries[:middle]) + self.run(deliveries[middle:])

    def _run(self, deliveries: list[Delivery]) -> list[Outcome]:
        for _ in range(self._runs):
            self._slot.deliveries = deliveries
            self._slot.outcomes.clear()
            self._rounds.run()
        outcomes = self._slot.outcomes.copy()
        return outcomes if _is_one_each(deliveries, outcomes) else list(_one_each(deliveries, outcomes))


def _is_one_each(deliveries: Sequence[Delivery], outcomes: Sequence[Outcome]) -> bool:
    """Whether each Delivery has one Outcome, told by the objects: within one stage nothing is copied."""
    return len(outcomes) == len(deliveries) and {id(one.delivery) for one in outcomes} == {id(one) for one in deliveries}


def _one_each(deliveries: Sequence[Delivery], outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
    """A step that drops or doubles an element is a bug to be told of."""
    ended = {outcome.delivery.hold: outcome for outcome in reversed(outcomes)}
    if len(ended) < len(outcomes):
        log.error("a step of the pipeline doubled Arrivals", surplus=len(outcomes) - len(ended))
    for delivery in deliveries:
        outcome = ended.get(delivery.hold)
        if outcome is None:
            log.error("a step of the pipeline lost an Arrival", queue=delivery.queue)
            outcome = bug(delivery, "a step of the pipeline lost this Arrival")
        yield outcome
