"""The graph of a pump on Flink: the same pipeline as on `direct`, between endless readers and endings of this engine's own."""

import time
from dataclasses import replace

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from winnowry.pipelines.catalogue import PUMPS
from winnowry.pipelines.pump import Pump
from winnowry.runners.cluster.kinds import REMEMBERING
from winnowry.runners.flink.counting import Counting
from winnowry.runners.flink.ending import End
from winnowry.runners.flink.job import Job, Reading
from winnowry.runners.flink.memory import FlinkMemory
from winnowry.runners.flink.source import ReadQueues
from winnowry.runners.unforeseen import Guarded
from winnowry.transforms.branch import guarded
from winnowry.transforms.winnow import Scope


def build(job: Job, options: PipelineOptions) -> beam.Pipeline:
    """Return the pipeline of a job. Every label is given: a savepoint finds its state by them."""
    pipeline = beam.Pipeline(runner="PortableRunner", options=options)
    pump = _lent(job)
    readings = [Reading(job, number) for number in range(1, job.readers + 1)]
    read = [pipeline | f"Queues{reading.number}" >> ReadQueues(reading=reading) for reading in readings]
    root = read[0] if len(read) == 1 else tuple(read) | "Queues" >> beam.Flatten()
    with guarded(Guarded):
        outcomes = PUMPS[pump.kind](root, pump)
    for number, ended in enumerate(outcomes):
        ended | f"End{number}" >> End(pump=job.pump, source=job.source, target=job.target, owner=job.owner)
    return pipeline


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
