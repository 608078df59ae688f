"""The demonstration without servers: the same pumps, on the broker in memory, in one process."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from winnowry.io.broker import Queue, Topology
from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.pipelines.pump import Pump
from winnowry.runners.demo.compare import differences, flip_a_byte, survey
from winnowry.runners.demo.network import CONSUMERS, EXCHANGES, SOURCES
from winnowry.runners.demo.tree import plant
from winnowry.runners.direct.assembly import build
from winnowry.runners.direct.engine import DirectEngine
from winnowry.runners.posting import Complaints, poster
from winnowry.schemas.edge import InputEdge, OutputEdge
from winnowry.schemas.outcome import Ending
from winnowry.transforms.bounds import Bounds
from winnowry.transforms.layout import Layout

CLUSTER = "rehearsal.example.org"
PREFETCH = 2000
PATIENCE = 120.0
"""Seconds within which everything has to be delivered."""


def rehearse(folder: Path, *, files: int, largest: int, console: Console, damage: bool = False) -> list[str]:
    """Move a tree from two sources to two consumers below ``folder``; return what was wrong, nothing when all was right.

    ``damage`` flips a byte of a delivered file, to see that it is noticed.
    """
    for source in SOURCES:
        plant(folder / source, files=files, largest=largest)
    server = FakeExchangeServer()
    FakeBroker(server).declare(Topology(exchanges=EXCHANGES))
    pumps = {pump.name: pump for pump in (_ingest(folder), _fuse(folder), *(_consumer(folder, name) for name in CONSUMERS))}
    expected = survey(folder / SOURCES[0])
    began = time.monotonic()
    with ExitStack() as running:
        engines = {name: running.enter_context(_running(pump, server)) for name, pump in pumps.items()}
        for source in SOURCES:
            _post(folder / source, source, server, console)
        delivered = _wait(engines, len(expected), began + PATIENCE)
    seconds = time.monotonic() - began
    console.print(f"{delivered:,} delivered in {seconds:.1f} s, {delivered / seconds:,.0f} a second", highlight=False)
    if damage:
        flip_a_byte(folder / CONSUMERS[0], expected)
    complaints = [f"{name}: {wrong}" for name in CONSUMERS for wrong in differences(expected, survey(folder / name))]
    if not complaints:
        console.print("✓ both consumers' trees are identical to what was announced", style="green", highlight=False)
    return complaints


def _ingest(folder: Path) -> Pump:
    inputs = tuple(InputEdge(kind="user", queue=f"q_feeder.ingest.{s}", exchange=f"xs_{s}", user=s) for s in SOURCES)
    roots = tuple(str(folder / source) for source in SOURCES)
    return Pump(
        name="ingest",
        kind="sarra",
        cluster=CLUSTER,
        account="feeder",
        inputs=inputs,
        public=OutputEdge(exchange="xwinnow"),
        layout=Layout(template="{source}/{rel_path}"),
        bounds=Bounds(file_roots=roots),
        base_url=f"file://{folder}/pump/",
        root=folder / "pump",
        state=folder / "state" / "ingest",
    )


def _fuse(folder: Path) -> Pump:
    return Pump(
        name="fuse",
        kind="winnow",
        cluster=CLUSTER,
        account="feeder",
        inputs=(InputEdge(kind="internal", queue="q_feeder.fuse", exchange="xwinnow"),),
        public=OutputEdge(exchange="xpublic", unheard=True),
        bounds=Bounds(file_roots=(str(folder / "pump"),)),
        state=folder / "state" / "fuse",
    )


def _consumer(folder: Path, name: str) -> Pump:
    return Pump(
        name=name,
        kind="subscribe",
        cluster=f"consumer-{name}",
        account=name,
        inputs=(InputEdge(kind="feeder", queue=f"q_{name}", exchange="xpublic"),),
        bounds=Bounds(file_roots=(str(folder / "pump"),)),
        layout=Layout(strip=1),
        root=folder / name,
        state=folder / "state" / name,
    )


@contextmanager
def _running(pump: Pump, server: FakeExchangeServer) -> Iterator[DirectEngine]:
    broker = FakeBroker(server, pump.name)
    broker.declare(Topology(queues=tuple(Queue(name=edge.queue, bindings=((edge.exchange, "#"),)) for edge in pump.inputs)))
    engine = build(pump, broker, broker, owner=pump.account, prefetch=PREFETCH)
    thread = threading.Thread(target=engine.run, name=pump.name)
    thread.start()
    try:
        yield engine
    finally:
        engine.stop()
        thread.join()


def _post(tree: Path, source: str, server: FakeExchangeServer, console: Console) -> None:
    engine = poster(
        [tree],
        broker=FakeBroker(server, source),
        exchange=f"xs_{source}",
        base_url=f"file://{tree}/",
        base_dir=tree,
        complaints=Complaints(console),
    )
    engine.run(until_idle=True)
    console.print(f"{source} announced {engine.over:,}", highlight=False)


def _wait(engines: dict[str, DirectEngine], wanted: int, deadline: float) -> int:
    """Wait until every consumer has what was announced; return how many deliveries that were."""
    while time.monotonic() < deadline:
        delivered = [engines[name].ended(Ending.DELIVERED) for name in CONSUMERS]
        if min(delivered) >= wanted:
            break
        time.sleep(0.05)
    return sum(delivered)
