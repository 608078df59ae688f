"""The graphs of the pumps as each engine gets them hold nothing that it cannot run; what would break them is noticed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.coders import BytesCoder
from apache_beam.pipeline import PipelineVisitor
from apache_beam.pvalue import PCollection
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, TimerSpec, on_timer
from protos import Graph, found_in, not_on_direct, not_on_flink

from winnowry.pipelines.catalogue import PUMPS
from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.runners.cluster.load import Cluster, load_cluster
from winnowry.runners.cluster.pumps import pump_of
from winnowry.runners.direct.halving import graph_of
from winnowry.runners.direct.rounds import CompiledRounds, Slot
from winnowry.runners.direct.sieve import DirectMemory
from winnowry.runners.flink.access import Access
from winnowry.runners.flink.graph import build
from winnowry.runners.flink.job import Job
from winnowry.runners.flink.options import FlinkSettings, options
from winnowry.runners.flink.submit import job_of
from winnowry.runners.unforeseen import Guarded
from winnowry.transforms.winnow import Scope

KINDS = ("sarra", "shovel", "speedo", "subscribe", "winnow")
SECRET = "open-sesame"
FILE = """
cluster: ddi.example.org
broker: amqp://feeder@one/
exchanges: [xwinnow]
data: data
state: state
credentials: credentials.conf
users:
  alice: {role: source}
  carol: {role: consumer}
pumps:
  sarra: {kind: sarra, from: {sources: [alice]}, to: xpublic, base_url: "https://files.example.org/"}
  winnow: {kind: winnow, from: xwinnow, to: xpublic}
  subscribe: {kind: subscribe, account: carol, from: xpublic}
  shovel: {kind: shovel, from: {feeder: "amqp://ddi@elsewhere/"}, to: xpublic}
  speedo: {kind: speedo, from: [xwinnow, xl_carol], to: xrates}
engine: {name: flink}
"""
READER = "Queues1/Read/ReadUnbounded"
JUDGE = "Gate/Judge/ParDo(_Judge)"
CALL = "Meter/Call/ParDo(_Call)"
KEPT = {
    "sarra": {READER, JUDGE},
    "shovel": {READER},
    "speedo": {READER, CALL},
    "subscribe": {READER, JUDGE},
    "winnow": {READER, JUDGE},
}
"""By these labels Flink finds in a savepoint what belongs to whom: where one changes, those made before are useless."""


ACCOUNTS = (("feeder", "one"), ("carol", "one"), ("ddi", "elsewhere"))
GraphOf = Callable[..., Graph]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "credentials.conf").write_text("".join(f"amqp://{who}:{SECRET}@{where}/\n" for who, where in ACCOUNTS))
    (folder / "cluster.yaml").write_text(FILE)
    return load_cluster(folder / "cluster.yaml")


@pytest.fixture(scope="module")
def graph_on_flink(cluster: Cluster) -> GraphOf:
    """A function that returns the graph of a kind of pump with so many readers."""
    return cache(lambda kind, readers=1: Graph(on_flink(replace(job_of(cluster, kind), readers=readers))))


def on_direct(pump: Pump, pipeline: Callable[[PCollection, Pump], Outcomes]) -> beam.Pipeline:
    memory = DirectMemory(folder=pump.state / "memory", remember=timedelta(days=3), shared=False, scope=Scope(), root=pump.root)
    lent = replace(pump, memory=memory) if pump.kind != "shovel" else pump
    Slot("graph")
    return graph_of(lambda root: pipeline(root, lent), "graph")


def on_flink(job: Job) -> beam.Pipeline:
    return build(job, options(FlinkSettings(job_server="localhost:1", workers="localhost:2"), job.name))


class Steps(PipelineVisitor):
    """Collects the functions that a graph applies to each element, by the labels of their steps."""

    def __init__(self, pipeline: beam.Pipeline) -> None:
        self.found: dict[str, Any] = {}
        pipeline.visit(self)

    def visit_transform(self, transform_node: Any) -> None:
        function = getattr(transform_node.transform, "fn", None)
        if hasattr(function, "twin"):
            self.found[transform_node.full_label.partition("/")[0]] = function.twin


BEHIND_THE_GATE = {"sarra": {"Encode"}, "shovel": set(), "speedo": set(), "subscribe": {"Deliver"}, "winnow": {"Encode"}}
"""What has to set the job back where it raises: what the gate has kept rolls back with it."""


@pytest.mark.parametrize("kind", KINDS)
def test_no_message_that_makes_a_step_before_the_gate_raise_sets_a_job_on_flink_back(cluster: Cluster, kind: str) -> None:
    steps = Steps(on_flink(job_of(cluster, kind))).found
    assert len(steps) >= 3
    assert {label for label, step in steps.items() if not isinstance(step, Guarded)} == BEHIND_THE_GATE[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_a_round_of_a_pump_is_one_fused_stage(cluster: Cluster, kind: str) -> None:
    pipeline = on_direct(pump_of(cluster, kind), PUMPS[kind])
    assert not_on_direct(Graph(pipeline)) == []
    rounds = CompiledRounds(pipeline)
    assert len(rounds.stages) == 1
    rounds.close()


@pytest.mark.parametrize("readers", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_pump_on_flink_keeps_state_in_its_gate_and_pickles_nothing_between_stages(
    graph_on_flink: GraphOf, kind: str, readers: int
) -> None:
    assert not_on_flink(graph_on_flink(kind, readers)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_savepoint_of_yesterday_finds_its_state_today(graph_on_flink: GraphOf, kind: str) -> None:
    assert graph_on_flink(kind).keeping() == KEPT[kind]
    assert graph_on_flink(kind, 3).keeping() == KEPT[kind] | {READER.replace("1", number) for number in "23"}


@pytest.mark.parametrize("kind", ["sarra", "subscribe", "winnow"])
def test_arrivals_come_to_the_gate_as_bytes_with_the_number_of_their_shard(graph_on_flink: GraphOf, kind: str) -> None:
    graph = graph_on_flink(kind)
    ((label, collection),) = graph.crossing()
    assert label == JUDGE
    assert [urn for urn, _ in graph.leaves(collection)] == ["beam:coder:varint:v1", "beam:coder:bytes:v1"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_password_travels_to_flink(graph_on_flink: GraphOf, kind: str) -> None:
    assert found_in(graph_on_flink(kind), SECRET, "credentials.conf") == {"credentials.conf"}


def test_a_password_that_travels_is_noticed(cluster: Cluster) -> None:
    careless = Access(urls=(cluster.credentials.require("amqp://feeder@one/"),))
    assert found_in(Graph(on_flink(replace(job_of(cluster, "winnow"), source=careless))), SECRET) == {SECRET}


# -- what would break them


class Remembering(beam.DoFn):
    """Keeps state of its own."""

    SEEN = BagStateSpec("seen", BytesCoder())

    def process(self, element: Any, seen: Any = beam.DoFn.StateParam(SEEN)) -> Iterator[Any]:  # noqa: B008
        yield element


class Timed(beam.DoFn):
    """Wakes up for each key."""

    WAKE = TimerSpec("wake", TimeDomain.REAL_TIME)

    def process(self, element: Any, wake: Any = beam.DoFn.TimerParam(WAKE)) -> Iterator[Any]:  # noqa: B008
        yield element

    @on_timer(WAKE)
    def awake(self) -> Iterator[Any]:
        yield None


def same(element: Any, *_: Any) -> Any:
    return element


def keyed(element: Any) -> tuple[int, bytes]:
    return 1, bytes(element)


def by_object(element: Any) -> tuple[object, bytes]:
    return element, b""


def by_shard(root: PCollection) -> PCollection:
    return root | "Key" >> beam.Map(keyed).with_output_types(tuple[int, bytes])


def flattened(root: PCollection) -> PCollection:
    return (root, root | "Same" >> beam.Map(same)) | "Both" >> beam.Flatten()


def grouped(root: PCollection) -> PCollection:
    return by_shard(root) | "Group" >> beam.GroupByKey()


def shuffled(root: PCollection) -> PCollection:
    return root | "Shuffle" >> beam.Reshuffle()


def beside(root: PCollection) -> PCollection:
    return root | "Beside" >> beam.Map(same, beam.pvalue.AsIter(root))


def remembering(root: PCollection) -> PCollection:
    return by_shard(root) | "Remember" >> beam.ParDo(Remembering())


def timed(root: PCollection) -> PCollection:
    return by_shard(root) | "Time" >> beam.ParDo(Timed())


def pickled_key(root: PCollection) -> PCollection:
    return root | "Key" >> beam.Map(by_object) | "Gate/Judge/Remember" >> beam.ParDo(Remembering())


def unlabelled(root: PCollection) -> PCollection:
    return root | beam.Map(lambda element: element)


Broken = Callable[[PCollection], PCollection]
LAMBDA = f"Map(<lambda at test_graph.py:{unlabelled.__code__.co_firstlineno + 1}>)"


def breaking(broken: Broken) -> Callable[[PCollection, Pump], Outcomes]:
    def pipeline(root: PCollection, pump: Pump) -> Outcomes:
        return (broken(root) | "Ended" >> beam.Map(same).with_output_types(Any),)

    return pipeline


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (flattened, "Both: beam:transform:flatten:v1 breaks a round in two"),
        (grouped, "Group: beam:transform:group_by_key:v1 breaks a round in two"),
        (shuffled, "Shuffle/ReshufflePerKey/GroupByKey: beam:transform:group_by_key:v1 breaks a round in two"),
        (beside, "Beside: a side input is waited for until its end"),
        (remembering, "Remember: keyed state costs too much"),
        (timed, "Time: keyed state costs too much in rounds, and its timers fire at once"),
    ],
)
def test_what_direct_cannot_run_is_noticed(cluster: Cluster, broken: Broken, complaint: str) -> None:
    (found,) = not_on_direct(Graph(on_direct(pump_of(cluster, "shovel"), breaking(broken))))
    assert complaint in found


@pytest.mark.parametrize(
    ("broken", "complaints"),
    [
        (flattened, {"Both: beam:transform:flatten:v1 breaks the stage of a reader"}),
        (shuffled, {"Shuffle/ReshufflePerKey/GroupByKey: beam:transform:group_by_key:v1 breaks the stage of a reader"}),
        (beside, {"Beside: a side input is waited for until its end"}),
        (remembering, {"Remember: only the gate keeps state"}),
        (timed, {"Time: only the gate keeps state", "Time: a timer for each key is too slow"}),
        (
            pickled_key,
            {"Gate/Judge/Remember: what comes to it is encoded by DeterministicFastPrimitivesCoderV2, which pickles"},
        ),
        (unlabelled, {f"{LAMBDA}: a label that names a line of code is another one tomorrow"}),
    ],
)
def test_what_flink_cannot_run_is_noticed(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, broken: Broken, complaints: set[str]
) -> None:
    monkeypatch.setitem(PUMPS, "shovel", breaking(broken))
    found = not_on_flink(Graph(on_flink(job_of(cluster, "shovel"))))
    assert complaints <= set(found)
