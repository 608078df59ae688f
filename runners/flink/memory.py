"""The memory of a pump as the `flink` engine lends it: the gate decides, on Beam's keyed state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import apache_beam as beam

from winnowry.io.place import Place
from winnowry.pipelines.pump import Pass
from winnowry.runners.flink.gate import Gate
from winnowry.runners.flink.shard import shard_of
from winnowry.runners.flink.shards import shards_of
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.errors import Malformed
from winnowry.transforms.winnow import Scope, Verdict, claim_of, judge


@dataclass(frozen=True, kw_only=True)
class FlinkMemory:
    """What the pump called ``pump`` (a name that no other has) remembers for ``remember``, rounded up to whole days."""

    pump: str
    scope: Scope
    remember: timedelta

    @property
    def _days(self) -> int:
        return -(-self.remember // timedelta(days=1))

    def sieve(self) -> beam.PTransform:
        """Let everything through: the gate decides, and ``placed`` saves needless fetches."""
        return Pass()

    def gate(self, place: Place) -> beam.PTransform:
        """Stop repeats, and place what is news."""
        return Gate(pump=self.pump, scope=self.scope, remember=self._days, place=place)

    def winnow(self) -> beam.PTransform:
        """Stop repeats."""
        return Gate(pump=self.pump, scope=self.scope, remember=self._days, dated=True)

    def placed(self, arrival: Arrival) -> bool:
        """Whether this worker has let the same content through: then it is not fetched again.

        A best effort, by the shards that this process has in memory. They may be of a past that was rolled back: then the gate
        finds that nothing was fetched of what is news, and has it tried again.
        """
        try:
            claim = claim_of(arrival, scope=self.scope)
        except Malformed:
            return False
        shard = shards_of(self.pump).look(shard_of(claim.path))
        return shard is not None and judge(shard.read(claim.path), claim).verdict is not Verdict.NEWS

    def intend(self, arrivals: Sequence[Arrival]) -> None:
        """Record nothing."""
