"""One compiled graph, run again and again on what has arrived.

Beam's local engine (``FnApiRunner``) runs a pipeline once, from building its worker to tearing it down: 190 ms. Here the graph
is compiled once, one worker lives on, and each round executes the graph's bundles: 3 ms of CPU for an empty round, and below a
microsecond for each fused step of an element. That rests on names inside Beam 2.77 that may move: ``compile_rounds`` tries
them with an empty round, and falls back to the public way, slow and saying so, when they have.
"""

import copy
import logging
from collections.abc import Iterable
from typing import Any, Protocol

import apache_beam as beam
import structlog
from apache_beam.pvalue import PCollection
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, execution, fn_runner
from apache_beam.runners.portability.fn_api_runner.watermark_manager import WatermarkManager
from apache_beam.runners.portability.fn_api_runner.worker_handlers import WorkerHandlerManager

from winnowry.runners.direct.unmetered import leave_out_metrics
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.outcome import Outcome

log = structlog.get_logger(__name__)


class Slot:
    """What one round takes in and gives back, found by name: a DoFn is pickled and copied, and can hold no reference to it."""

    named: dict[str, "Slot"] = {}

    def __init__(self, name: str) -> None:
        self.deliveries: list[Delivery] = []
        self.outcomes: list[Outcome] = []
        self._name = name
        Slot.named[name] = self

    def close(self) -> None:
        """Be found no more."""
        Slot.named.pop(self._name, None)


class _Enter(beam.DoFn):
    def __init__(self, slot: str) -> None:
        self.slot = slot

    def process(self, _impulse: bytes) -> Iterable[Delivery]:
        return Slot.named[self.slot].deliveries


class _Leave(beam.DoFn):
    def __init__(self, slot: str) -> None:
        self.slot = slot

    def start_bundle(self) -> None:
        self.leave = Slot.named[self.slot].outcomes.append

    def process(self, outcome: Outcome) -> None:
        self.leave(outcome)


def enter(pipeline: beam.Pipeline, slot: str) -> PCollection:
    """Return the Deliveries of a round."""
    return pipeline | "Impulse" >> beam.Impulse() | "Enter" >> beam.ParDo(_Enter(slot))


def leave(branches: Iterable[PCollection], slot: str) -> None:
    """Collect the Outcomes of each branch; no Flatten, which would break the stage and encode every element."""
    for number, ended in enumerate(branches):
        ended | f"Leave{number}" >> beam.ParDo(_Leave(slot))


class Rounds(Protocol):
    """A graph that can be run again and again."""

    def run(self) -> None:
        """Run the graph once. Raises whatever a DoFn raises; the next round works again."""

    def close(self) -> None:
        """Tear the worker down."""


class CompiledRounds:
    """The quick way: stages created once, one worker kept alive."""

    def __init__(self, pipeline: beam.Pipeline) -> None:
        leave_out_metrics()
        self._runner = FnApiRunner()
        self._runner._split_managers = []
        proto = pipeline.to_runner_api(default_environment=self._runner._default_environment)
        fn_runner.validate_pipeline_graph(proto)
        parts, self.stages = self._runner.create_stages(self._runner.resolve_any_environments(proto))
        # setup() rewrites payloads that a WatermarkManager reads
        self._pristine = copy.deepcopy(self.stages)
        self._workers = WorkerHandlerManager(parts.components.environments, self._runner._provision_info)
        self._context = execution.FnApiRunnerExecutionContext(
            self.stages, self._workers, parts.components, parts.safe_coders, parts.data_channel_coders, 1, split_managers=[]
        )
        self._context.setup()
        ready = self._context.queues.ready_inputs
        self._impulses = [ready.deque() for _ in range(len(ready))]

    def run(self) -> None:
        """Run the graph once."""
        context, ready = self._context, self._context.queues.ready_inputs
        if len(self.stages) > 1:
            context.watermark_manager = WatermarkManager(self._pristine)
        while len(ready):  # what a round that raised has left
            ready.deque()
        for stage, inputs in self._impulses:
            ready.enque((stage, type(inputs)({name: buffer.copy() for name, buffer in inputs.data.items()}, {})))
        while len(ready):
            stage, inputs = ready.deque()
            self._runner._execute_bundle(context, context.bundle_manager_for(context.stages[stage]), inputs)
            if not len(ready):
                self._runner._schedule_ready_bundles(context)

    def close(self) -> None:
        """Tear the worker down."""
        self._workers.close_all()


class RebuiltRounds:
    """The public way: the worker is built anew for every round."""

    def __init__(self, pipeline: beam.Pipeline) -> None:
        self._options = pipeline._options
        self._proto = pipeline.to_runner_api(default_environment=FnApiRunner()._default_environment)

    def run(self) -> None:
        """Run the graph once."""
        FnApiRunner().run_via_runner_api(self._proto, self._options).wait_until_finish()

    def close(self) -> None:
        """Nothing lives on between rounds."""


def compile_rounds(pipeline: beam.Pipeline) -> Rounds:
    """Return the quick rounds of a pipeline, or the slow ones where Beam's internals are not as expected."""
    logging.getLogger("apache_beam").setLevel(logging.WARNING)
    try:
        rounds: Any = CompiledRounds(pipeline)
        rounds.run()
    except (AttributeError, TypeError, ImportError, KeyError) as error:
        log.warning("Beam's internals have moved: every round rebuilds its worker, which costs 190 ms", error=repr(error))
        rounds = RebuiltRounds(pipeline)
        rounds.run()
    return rounds
