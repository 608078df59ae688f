"""A pump as a job of Flink, and its readers."""

from dataclasses import dataclass

from winnowry.io.broker import Topology
from winnowry.io.dead import dead_queue
from winnowry.io.later import DELAYS, later_queue, later_topology
from winnowry.pipelines.pump import Pump
from winnowry.runners.flink.access import Access


@dataclass(frozen=True, kw_only=True)
class Job:
    """One pump as a job of Flink. ``owner`` is the account on the ``target`` broker that owns later queues and dead letters.

    ``readers`` connections share its queues; ``prefetch`` is for each of them and each queue.
    """

    pump: Pump
    source: Access
    target: Access
    topology: Topology
    owner: str
    readers: int = 1
    prefetch: int = 20_000

    @property
    def name(self) -> str:
        """What Flink calls it."""
        return f"winnowry {self.pump.cluster} {self.pump.name}"

    @property
    def kept(self) -> Topology:
        """The queues of later work and of dead letters."""
        later = later_topology(self.owner, self.pump.name, self.pump.queue)
        return Topology(queues=(*later, dead_queue(self.owner, self.pump.name, self.pump.queue)))

    @property
    def later_queues(self) -> list[str]:
        """Where its later work waits."""
        return [later_queue(self.owner, self.pump.name, delay) for delay in DELAYS]


@dataclass(frozen=True)
class Reading:
    """What one reader of a job reads: its queues, together with the others. ``number`` tells it from them, from 1."""

    job: Job
    number: int = 1

    @property
    def name(self) -> str:
        """What the broker's operator sees; no other station of these brokers bears it."""
        return f"{self.job.name}/{self.number}"
