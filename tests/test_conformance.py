"""Discovers every verb of the house and asks of each what the house promises of all."""

import inspect
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType

import apache_beam as beam
import pytest
from apache_beam.internal import pickler
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.pvalue import PCollection
from house import ROOMS, modules

from winnowry.io.amqp.read import ReadFromAmqp
from winnowry.io.amqp.write import WriteToAmqp
from winnowry.io.discard import Discard
from winnowry.io.examine import Examine
from winnowry.io.fetch import Fetch
from winnowry.io.files import Files
from winnowry.io.place import Place
from winnowry.pipelines.catalogue import PUMPS
from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.runners.direct.sieve import DirectMemory
from winnowry.schemas.edge import InputEdge, OutputEdge
from winnowry.transforms.accept import Accept
from winnowry.transforms.bounds import Bounds
from winnowry.transforms.decode import Decode
from winnowry.transforms.deliver import Deliver
from winnowry.transforms.encode import Encode
from winnowry.transforms.filters import Filters
from winnowry.transforms.fit import Fit
from winnowry.transforms.layout import Layout
from winnowry.transforms.locate import Locate
from winnowry.transforms.meter import Meter
from winnowry.transforms.patience import Patience
from winnowry.transforms.retry import retry
from winnowry.transforms.route import Route, Routes
from winnowry.transforms.validate import Validate
from winnowry.transforms.verify import Verify
from winnowry.transforms.winnow import Scope

INPUT = InputEdge(kind="user", queue="q_feeder.ingest.alice", exchange="xs_alice", user="alice")
ROUTES = Routes(public=OutputEdge(exchange="xpublic"))
FILES = Files(root=Path("/srv/winnowry"))

WITHOUT_A_TRANSFORM = {
    "a room": {"transforms", "io", "io.amqp", "io.memory"},
    "a noun: the settings of a verb": {
        "transforms.bounds",
        "transforms.filters",
        "transforms.layout",
        "transforms.patience",
        "io.amqp.settings",
        "io.files",
    },
    "how verbs are applied, and what crosses between them": {"transforms.branch", "io.branches", "io.coders"},
    "the ending of an engine counts what Meter ends, or its pipeline does": {"io.counts"},
    "asked by the verbs that can fail; nothing is retried in a place of its own": {"transforms.retry"},
    "asked by the ending of each engine, which knows when an Outcome is over": {
        "transforms.report",
        "io.bookkeeping",
        "io.dead",
        "io.crashes",
        "io.later",
    },
    "each engine expands the sieve and the gate of its memory in its own way": {
        "transforms.winnow",
        "io.memory.days",
        "io.memory.intents",
        "io.memory.leaving",
        "io.memory.memory",
        "io.memory.owners",
        "io.memory.probe",
        "io.memory.reservations",
        "io.memory.store",
    },
    "the connection that engines and transforms share": {
        "io.amqp.broker",
        "io.amqp.connection",
        "io.amqp.consume",
        "io.amqp.errors",
        "io.amqp.frames",
        "io.amqp.publish",
        "io.amqp.registry",
        "io.amqp.table",
        "io.amqp.topology",
        "io.amqp.traffic",
        "io.amqp.wire",
        "io.broker",
        "io.fake",
        "io.fake_server",
        "io.fake_site",
        "io.later_store",
        "io.topic",
    },
    "what an operator or an engine asks, outside of any pipeline": {
        "io.amqp.browse",
        "io.amqp.letters",
        "io.amqp.presence",
        "io.amqp.visit",
        "io.walk",
    },
    "what Fetch, Place and Examine stand on": {
        "io.curl_errors",
        "io.digest",
        "io.disk",
        "io.http",
        "io.incoming",
        "io.job",
        "io.lanes",
        "io.local",
        "io.places",
        "io.sync",
        "io.transfers",
        "io.tree",
    },
}
EXCUSED = {f"winnowry.{name}" for names in WITHOUT_A_TRANSFORM.values() for name in names}
EXAMPLES: tuple[beam.PTransform, ...] = (
    Accept(filters=Filters(accept=("**/*.bufr", "re:.*"))),
    Decode(inputs=(INPUT,)),
    Deliver(),
    Encode(routes=ROUTES, base_url="https://ddi.example.org/"),
    Fit(routes=ROUTES, base_url="https://ddi.example.org/"),
    Meter(),
    Locate(layout=Layout(template="{date:%Y}/{rel_path}")),
    Route(routes=ROUTES),
    Validate(cluster="ddi.example.org", clock=time.time, bounds=Bounds(max_file=1, schemes=frozenset({"https"}))),
    Verify(demand=True),
    Discard(files=FILES),
    Examine(folder=Path("/data"), base_url="https://files.example.org/", clock=time.time_ns),
    Fetch(files=FILES, giving_up=partial(retry, patience=Patience())),
    Place(files=FILES, giving_up=partial(retry, patience=Patience()), intend=print),
    ReadFromAmqp(urls=("amqp://broker.example.org/",), queue="q_user.archive"),
    WriteToAmqp(urls=("amqp://broker.example.org/",), exchange="xs_user"),
)
PROMISES = ("Delivery:", "Parallelism:", "Ordering:", "Settled when:")


def transforms_of(module: ModuleType) -> list[type[beam.PTransform]]:
    return [
        thing
        for name, thing in vars(module).items()
        if inspect.isclass(thing) and issubclass(thing, beam.PTransform) and thing.__module__ == module.__name__
        if not name.startswith("_")
    ]


def fleet(*rooms: str) -> list[type[beam.PTransform]]:
    return [transform for name in modules(*rooms) for transform in transforms_of(import_module(name))]


def public_things(module: ModuleType) -> Iterator[tuple[str, object]]:
    for name, thing in vars(module).items():
        if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__:
            yield name, thing


@pytest.mark.parametrize("name", modules("transforms", "io"))
def test_each_verb_has_one_public_transform_or_says_why_not(name: str) -> None:
    found = transforms_of(import_module(name))
    assert len(found) == (0 if name in EXCUSED else 1)


def test_reasons_are_given_for_modules_that_exist() -> None:
    assert set(modules("transforms", "io")) >= EXCUSED


@pytest.mark.parametrize("transform", fleet("transforms"), ids=lambda transform: transform.__name__)
def test_transform_is_named_for_its_twin_function(transform: type[beam.PTransform]) -> None:
    module = import_module(transform.__module__)
    assert transform.__name__.lower() == module.__name__.rpartition(".")[2]
    assert inspect.isfunction(getattr(module, transform.__name__.lower()))


@pytest.mark.parametrize("transform", fleet("transforms"), ids=lambda transform: transform.__name__)
def test_transform_shows_an_example(transform: type[beam.PTransform]) -> None:
    assert ">>> " in (transform.__doc__ or "")


@pytest.mark.parametrize("transform", fleet("io"), ids=lambda transform: transform.__name__)
def test_io_transform_ends_its_docstring_with_what_it_promises(transform: type[beam.PTransform]) -> None:
    lines = [line.strip() for line in (transform.__doc__ or "").splitlines()]
    starts = [next((number for number, line in enumerate(lines) if line.startswith(promise)), -1) for promise in PROMISES]
    assert -1 not in starts, f"{transform.__name__} promises nothing about {PROMISES[starts.index(-1)]}"
    assert starts == sorted(starts)


@pytest.mark.parametrize("transform", fleet("transforms", "io"), ids=lambda transform: transform.__name__)
def test_transform_is_a_dataclass_of_configuration(transform: type[beam.PTransform]) -> None:
    settings = transform.__dataclass_params__
    assert not settings.frozen
    assert all(field.kw_only for field in transform.__dataclass_fields__.values())


@pytest.mark.parametrize("name", modules(*ROOMS))
def test_public_things_are_documented(name: str) -> None:
    module = import_module(name)
    assert name.endswith(("__init__", *(f".{room}" for room in ROOMS))) or module.__doc__ or not list(public_things(module))
    assert [name for name, thing in public_things(module) if not inspect.getdoc(thing)] == []


def test_every_verb_has_an_example_here() -> None:
    assert {type(example) for example in EXAMPLES} == set(fleet("transforms", "io"))


@pytest.mark.parametrize("transform", EXAMPLES, ids=lambda transform: type(transform).__name__)
def test_transform_travels_to_a_worker(transform: beam.PTransform) -> None:
    assert repr(pickler.loads(pickler.dumps(transform))) == repr(transform)


class _Ends(PipelineVisitor):
    def __init__(self) -> None:
        self.produced: set[PCollection] = set()
        self.consumed: set[PCollection] = set()

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        self.produced |= set(transform_node.outputs.values())
        self.consumed |= set(transform_node.inputs)


def loose_ends(pipeline: beam.Pipeline, outcomes: Outcomes) -> set[str]:
    """Return the branches that nothing consumes and that the engine does not get either."""
    ends = _Ends()
    pipeline.visit(ends)
    return {str(branch) for branch in ends.produced - ends.consumed - set(outcomes)}


def a_pump(kind: str, folder: Path) -> Pump:
    memory = DirectMemory(folder=folder, remember=timedelta(days=1), shared=False, scope=Scope(), root=folder)
    return Pump(
        name="example",
        kind=kind,
        cluster="ddi.example.org",
        account="feeder",
        inputs=(INPUT,),
        public=ROUTES.public,
        base_url="https://ddi.example.org/",
        root=folder,
        memory=memory,
    )


@pytest.mark.parametrize("kind", sorted(PUMPS))
def test_pump_leaves_no_ending_unsettled(kind: str, tmp_path: Path) -> None:
    pipeline = beam.Pipeline(runner="FnApiRunner")
    outcomes = PUMPS[kind](pipeline | beam.Create([]), a_pump(kind, tmp_path))
    assert len(outcomes) == len(set(outcomes))
    assert loose_ends(pipeline, outcomes) == set()


def test_forgotten_ending_would_be_noticed() -> None:
    pipeline = beam.Pipeline(runner="FnApiRunner")
    arrivals, _forgotten = pipeline | beam.Create([]) | Decode(inputs=(INPUT,))
    announced = arrivals | Encode(routes=ROUTES)
    assert loose_ends(pipeline, (announced,)) == {"PCollection[Decode/ParDo(_Apply)/ParDo(_Apply).ended]"}
