"""The memory of a pump as the `flink` engine lends it: the gate decides, on Beam's keyed state."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import apache_beam as beam

from winnowry.io.place import Place
from winnowry.pipelines.pump import Pass
from winnowry.runners.flink.gate import Gate
from winnowry.schemas.arrival import Arrival
from winnowry.transforms.winnow import Scope


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
        """Let everything through: the gate decides."""
        return Pass()

    def gate(self, place: Place) -> beam.PTransform:
        """Stop repeats, and place what is news."""
        return Gate(pump=self.pump, scope=self.scope, remember=self._days, place=place)

    def winnow(self) -> beam.PTransform:
        """Stop repeats."""
        return Gate(pump=self.pump, scope=self.scope, remember=self._days, dated=True)

    def placed(self, arrival: Arrival) -> bool:
        """Know of nothing: what was placed by an attempt that was set back is fetched and placed again."""
        return False

    def intend(self, arrivals: Sequence[Arrival]) -> None:
        """Record nothing."""
