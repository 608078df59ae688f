"""What a graph asks of the engine that runs it, told from the proto that the engine is given.

Each rule returns complaints, a sentence each; a graph that an engine can run has none.
"""

import base64
import bz2
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.coders import Coder
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.pipeline_context import PipelineContext

from winnowry.io.coders import StructCoder

IMPULSE = common_urns.primitives.IMPULSE.urn
PARDO = common_urns.primitives.PAR_DO.urn
FLATTEN = common_urns.primitives.FLATTEN.urn
STANDARD = frozenset(f"beam:coder:{name}:v1" for name in ("bytes", "kv", "varint", "string_utf8", "iterable"))
"""Coders that every engine knows itself, and that write equal bytes for equal elements."""

GATE = "Gate/Judge/"
CALL = "Meter/Call/"
WINDOWS = re.compile(r"Meter/(Window|Sum)\b")
READ = re.compile(r"Queues\d+/Read/")
READERS = "Queues"
"""What may keep state on Flink, what adds up in windows, what Beam has labelled itself, and what joins several readers."""

_PICKLED = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")


@dataclass(frozen=True)
class Step:
    """A transform that an engine runs as such; ``pardo`` is what it says of itself where it is a ParDo."""

    label: str
    urn: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    pardo: Any

    @property
    def keeps(self) -> bool:
        """Whether it has keyed state, or timers."""
        return bool(self.pardo.state_specs or self.pardo.timer_family_specs)

    @property
    def splits(self) -> bool:
        """Whether it is a splittable DoFn."""
        return bool(self.pardo.restriction_coder_id)


class Graph:
    """A pipeline as an engine gets it."""

    def __init__(self, pipeline: beam.Pipeline) -> None:
        self.proto = pipeline.to_runner_api()
        self.steps = list(_steps(self.proto.components.transforms.values()))
        self._context = PipelineContext(self.proto.components)

    def pickling(self, collection: str) -> set[str]:
        """Return what there is in the coder of a PCollection that is slow, and may write equal keys in different ways."""
        parts = self.leaves(collection)
        return {type(coder).__name__ for urn, coder in parts if urn not in STANDARD and not isinstance(coder, StructCoder)}

    def crossing(self) -> Iterator[tuple[str, str]]:
        """Yield (label, PCollection) of what comes to a step from another stage on Flink, where it is encoded."""
        for step in self.steps:
            if step.urn not in (PARDO, IMPULSE) or step.keeps:
                yield from ((step.label, collection) for collection in step.inputs)

    def keeping(self) -> set[str]:
        """Return the labels by which Flink finds what it has kept: of state, and of readers."""
        return {step.label for step in self.steps if step.keeps or step.splits}

    def leaves(self, collection: str) -> Iterator[tuple[str, Coder]]:
        """Yield (URN, coder) of each part of a PCollection's coder that has no parts itself."""
        yield from self._leaves(self.proto.components.pcollections[collection].coder_id)

    def _leaves(self, coder: str) -> Iterator[tuple[str, Coder]]:
        told = self.proto.components.coders[coder]
        if not told.component_coder_ids:
            yield told.spec.urn, self._context.coders.get_by_id(coder)
        for part in told.component_coder_ids:
            yield from self._leaves(part)


def _steps(transforms: Iterable[beam_runner_api_pb2.PTransform]) -> Iterator[Step]:
    for transform in transforms:
        inputs, outputs = tuple(transform.inputs.values()), tuple(transform.outputs.values())
        if transform.subtransforms or set(outputs) <= set(inputs):  # a composite, or nothing
            continue
        pardo = beam_runner_api_pb2.ParDoPayload()
        if transform.spec.urn == PARDO:
            pardo.ParseFromString(transform.spec.payload)
        yield Step(transform.unique_name, transform.spec.urn, inputs, outputs, pardo)


def not_on_direct(graph: Graph) -> list[str]:
    """Complain of what breaks a round in two, or waits for an end that never comes."""
    complaints = [f"{step.label}: {step.urn} breaks a round in two" for step in graph.steps if step.urn not in (IMPULSE, PARDO)]
    for step in graph.steps:
        complaints += _foreign(step)
        if step.keeps:
            complaints.append(f"{step.label}: keyed state costs too much in rounds, and its timers fire at once")
        if step.splits:
            complaints.append(f"{step.label}: an endless read never lets a round end")
    return complaints


def not_on_flink(graph: Graph) -> list[str]:
    """Complain of what waits for ever, or cannot be restored, or is slow to cross from one stage to the next."""
    complaints = []
    for step in graph.steps:
        complaints += [*_foreign(step), *_misplaced(step)]
        if "<" in step.label and not READ.match(step.label):
            complaints.append(f"{step.label}: a label that names a line of code is another one tomorrow")
    for label, collection in graph.crossing():
        for coder in graph.pickling(collection):
            complaints.append(f"{label}: what comes to it is encoded by {coder}, which pickles")
    return complaints


def _foreign(step: Step) -> Iterator[str]:
    if step.pardo.side_inputs:
        yield f"{step.label}: a side input is waited for until its end"


def _misplaced(step: Step) -> Iterator[str]:
    if step.urn not in (IMPULSE, PARDO) and (step.urn, step.label) != (FLATTEN, READERS) and not WINDOWS.match(step.label):
        yield f"{step.label}: {step.urn} breaks the stage of a reader"
    if step.keeps and not step.label.startswith((GATE, CALL)):
        yield f"{step.label}: only the gate keeps state"
    if step.pardo.timer_family_specs:
        yield f"{step.label}: a timer for each key is too slow"
    if step.splits and not READ.match(step.label):
        yield f"{step.label}: only readers are splittable"


def found_in(graph: Graph, *words: str) -> set[str]:
    """Return which of these words are somewhere in the proto, also in what is pickled in it."""
    texts = list(_opened(graph.proto.SerializeToString()))
    return {word for word in words if any(word.encode() in text for text in texts)}


def _opened(text: bytes) -> Iterator[bytes]:
    yield text
    for match in _PICKLED.finditer(text):
        for decompress in (bz2.decompress, zlib.decompress):
            with suppress(ValueError, OSError, zlib.error):
                yield from _opened(decompress(base64.b64decode(match[0])))
