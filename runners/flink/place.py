"""What a reader of a pump reads, and by whose account."""

from dataclasses import dataclass

from winnowry.io.broker import Topology
from winnowry.io.later import DELAYS, later_queue
from winnowry.pipelines.pump import Pump
from winnowry.runners.flink.access import Access


@dataclass(frozen=True, kw_only=True)
class Place:
    """The queues of one reader. ``owner`` is the account on the ``target`` broker that owns the later queues.

    ``number`` tells the readers of a pump from one another, from 1. ``prefetch`` is for each queue.
    """

    pump: Pump
    source: Access
    target: Access
    topology: Topology
    owner: str
    number: int = 1
    prefetch: int = 20_000

    @property
    def name(self) -> str:
        """What the broker's operator sees; no other station of these brokers bears it."""
        return f"winnowry {self.pump.cluster} {self.pump.name}/{self.number}"

    @property
    def later_queues(self) -> list[str]:
        """Where its later work waits."""
        return [later_queue(self.owner, self.pump.name, delay) for delay in DELAYS]
