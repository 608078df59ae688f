"""How Outcomes end on Flink: what they announce is confirmed before their bundle ends, or the bundle fails.

::

    announcements, later copies, dead letters confirmed ─▶ Reports confirmed ─▶ bundle committed, its state with it
                                                                               ─▶ (a later checkpoint) Deliveries settled
"""

from collections import Counter
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import PCollection
from msgspec.structs import replace

from winnowry.io.amqp import connect
from winnowry.pipelines.pump import Pump
from winnowry.runners.engines.desk import BrokerDesk, first_messages
from winnowry.runners.flink.access import Access
from winnowry.runners.flink.counts import METRICS, counts_of
from winnowry.runners.flink.window import ConfirmWindow
from winnowry.schemas.delivery import Message
from winnowry.schemas.outcome import Ending, Outcome

HANDED_OVER = 200
"""Messages that are published at once, while the bundle still goes on."""

PARKED_FOR = 1.0
"""Seconds until what waits for its transfer is looked at again: on Flink nothing is parked, it goes through a later queue."""


@dataclass(kw_only=True)
class End(beam.PTransform):
    """End Outcomes.

    Delivery: at least once; a bundle that is run again publishes again.
    Parallelism: any; bundles of one process share a connection.
    Ordering: kept within a bundle.
    Settled when: never here; the source acknowledges what a later checkpoint holds.
    """

    pump: Pump
    source: Access
    target: Access
    owner: str

    def expand(self, outcomes: PCollection) -> PCollection:
        """Return nothing."""
        return outcomes | beam.ParDo(_End(self))


class _End(beam.DoFn):
    def __init__(self, end: End) -> None:
        self.pump, self.source_access, self.target_access, self.owner = end.pump, end.source, end.target, end.owner

    def setup(self) -> None:
        name = f"winnowry {self.pump.cluster} {self.pump.name} publishes"
        self.source = connect(self.source_access.settings(name))
        self.target = connect(self.target_access.settings(name))
        self.desk = BrokerDesk(self.pump, self.owner)
        self.counts = counts_of(self.pump.cluster, self.pump.name)

    def start_bundle(self) -> None:
        self.window = ConfirmWindow(self.target)
        self.outcomes: list[Outcome] = []
        self.fresh: list[Message] = []

    def process(self, outcome: Outcome) -> None:
        if outcome.ending is Ending.PARKED:
            outcome = replace(outcome, ending=Ending.RETRIED, delay=PARKED_FOR)
        self.outcomes.append(outcome)
        self.fresh.extend(first_messages(outcome, self.desk))
        if len(self.fresh) >= HANDED_OVER:
            self._hand_over()

    def finish_bundle(self) -> None:
        """Raises Unreachable where a broker does not confirm: the bundle fails, and with it the state it has written."""
        self._hand_over()
        self.window.wait()
        reports = ConfirmWindow(self.source)
        reports.publish([report for outcome in self.outcomes if (report := self.desk.report(outcome)) is not None])
        reports.wait()
        self.counts.add(self.outcomes)
        for ending, count in Counter(outcome.ending for outcome in self.outcomes).items():
            Metrics.counter(METRICS, ending.value).inc(count)

    def _hand_over(self) -> None:
        self.window.publish(self.fresh)
        self.fresh = []
