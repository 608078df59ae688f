"""The graph of a pump on Flink: the same pipeline as on `direct`, between endless readers and endings of this engine's own."""

import time
from dataclasses import dataclass, replace

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from winnowry.io.broker import Topology
from winnowry.io.dead import dead_queue
from winnowry.io.later import later_topology
from winnowry.pipelines.catalogue import PUMPS
from winnowry.pipelines.pump import Pump
from winnowry.runners.cluster.kinds import REMEMBERING
from winnowry.runners.flink.access import Access
from winnowry.runners.flink.counting import Counting
from winnowry.runners.flink.ending import End
from winnowry.runners.flink.memory import FlinkMemory
from winnowry.runners.flink.place import Place
from winnowry.runners.flink.source import ReadQueues
from winnowry.runners.unforeseen import Guarded
from winnowry.transforms.branch import guarded
from winnowry.transforms.winnow import Scope


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


def build(job: Job, options: PipelineOptions) -> beam.Pipeline:
    """Return the pipeline of a job. Every label is given: a savepoint finds its state by them."""
    pipeline = beam.Pipeline(runner="PortableRunner", options=options)
    pump = _lent(job)
    places = [_place(job, number) for number in range(1, job.readers + 1)]
    read = [pipeline | f"Queues{place.number}" >> ReadQueues(place=place) for place in places]
    root = read[0] if len(read) == 1 else tuple(read) | "Queues" >> beam.Flatten()
    with guarded(Guarded):
        outcomes = PUMPS[pump.kind](root, pump)
    for number, ended in enumerate(outcomes):
        ended | f"End{number}" >> End(pump=job.pump, source=job.source, target=job.target, owner=job.owner)
    return pipeline


def _place(job: Job, number: int) -> Place:
    return Place(
        pump=job.pump,
        source=job.source,
        target=job.target,
        topology=job.topology,
        owner=job.owner,
        number=number,
        prefetch=job.prefetch,
    )


def _lent(job: Job) -> Pump:
    """Return the pump with what it is lent to remember or to count by."""
    pump = job.pump
    if pump.kind == "speedo" and pump.public is not None:
        return replace(
            pump,
            counting=Counting(
                cluster=pump.cluster,
                pump=pump.name,
                seconds=pump.window.total_seconds(),
                exchange=pump.public.exchange,
                target=job.target,
                keep=job.prefetch,
                since=time.time_ns(),
            ),
        )
    return replace(pump, memory=_memory(pump)) if pump.kind in REMEMBERING else pump


def _memory(pump: Pump) -> FlinkMemory:
    scope = Scope(same=pump.same, by_source=pump.kind == "sarra" and pump.layout.separates_sources)
    return FlinkMemory(pump=f"{pump.cluster} {pump.name}", scope=scope, remember=pump.remember)
