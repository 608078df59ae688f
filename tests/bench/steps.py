"""What each step costs that a message or a file goes through: processor and clock time of one thread, each measured alone."""

import hashlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apache_beam as beam
import evidence
from announced import announcements
from blake3 import blake3
from engines import Station, a_pump
from remembering import fill, histories

from winnowry.io.broker import Queue, Topology
from winnowry.io.dead import dead_queue
from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.io.later import later_topology
from winnowry.io.memory import Memory
from winnowry.runners.collector import spare_the_collector
from winnowry.runners.direct.rounds import Slot, compile_rounds, enter, leave
from winnowry.runners.servers.management import Broker
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.edge import InputEdge, OutputEdge
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.topics import topic_of
from winnowry.schemas.v03 import read_v03, write_v03

MANY = 2_000
"""Times that a small step is done, to see what it costs once."""
MESSAGES = 20_000
PATHS = 1_000_000
SMALL, LARGE = 10_000, 10_000_000
SOURCES = {"shovel": ("alice",), "winnow": ("alice", "bob")}
NOTHING = Outcome(ending=Ending.REFUSED, reason=Reason.DONE, delivery=Delivery(body=b"", queue="q", exchange="x", tag=1))
COLUMNS = ("step", "processor µs", "clock µs")

Cost = tuple[float, float]
Step = tuple[str, int, Callable[[], object]]
"""What it is called, how often it is done by one call, and the call."""


class Steps:
    """A part of the benchmark: the cost of each step."""

    def measure(self, rabbit: Broker, runs: int) -> dict[str, Cost]:
        """Return microseconds of processor and by the clock, by step; it needs no broker."""
        del rabbit
        spare_the_collector()
        costs: dict[str, Cost] = {}
        with TemporaryDirectory() as folder:
            for name, times, work in steps(Path(folder)):
                costs[name] = _cost(work, times, 2 * runs + 1)
            for kind in SOURCES:
                pumps = [full_pump(Path(folder, f"{kind}{number}"), kind) for number in range(runs)]
                costs[f"a message through a whole {kind}, but for the broker's client"] = _median(
                    [_once(pump.run, MESSAGES) for pump in pumps]
                )
        return costs

    def page(self, costs: dict[str, Cost]) -> list[str]:
        """Return the table."""
        return evidence.table(COLUMNS, [(name, f"{cost[0]:,.2f}", f"{cost[1]:,.2f}") for name, cost in costs.items()])


def steps(folder: Path) -> Iterator[Step]:
    """Yield all steps; those of a memory and of files work below a folder."""
    yield from of_messages()
    yield from of_beam()
    yield from of_a_memory(folder / "memory")
    yield from of_files(folder)


def of_messages() -> Iterator[Step]:
    """Yield what is done with the text of a message."""
    posts = list(islice(announcements(("alice",)), MANY))
    bodies = [write_v03(post) for post in posts]
    yield "read and check an announcement", MANY, lambda: [read_v03(body) for body in bodies]
    yield "write an announcement", MANY, lambda: [write_v03(post) for post in posts]


def of_beam() -> Iterator[Step]:
    """Yield what Beam takes: for a round, and for each element in each fused step."""
    for steps_inside, elements in ((0, 0), (0, MANY), (10, MANY)):
        slot = Slot(f"steps {steps_inside} {elements}")
        slot.deliveries = [Delivery(body=b"", queue="q", exchange="x", tag=tag) for tag in range(elements)]
        pipeline = beam.Pipeline()
        passed = enter(pipeline, f"steps {steps_inside} {elements}")
        for number in range(steps_inside):
            passed = passed | f"Step{number}" >> beam.Map(lambda element: element)
        ended = passed | "End" >> beam.Map(lambda _: NOTHING).with_output_types(Outcome)
        leave([ended], f"steps {steps_inside} {elements}")
        name = f"{elements:,} elements through {steps_inside} empty steps" if elements else "an empty round"
        yield name, max(elements, 1), compile_rounds(pipeline).run


def of_a_memory(folder: Path) -> Iterator[Step]:
    """Yield what a memory takes that knows a million paths."""
    fill(folder, PATHS)
    memory = Memory(folder, remember=timedelta(days=3), shared=False)
    known = [path for path, _ in islice(histories(PATHS), 0, None, PATHS // MANY)]
    unknown = [os.urandom(16) for _ in range(MANY)]
    said = [history for _, history in islice(histories(PATHS), 1000)]
    yield "look up a path that is remembered", MANY, lambda: [memory.recall(path) for path in known]
    yield "look up a path that is not", MANY, lambda: [memory.recall(path) for path in unknown]
    yield "reserve a path and let it go", MANY, lambda: [(memory.reserve(path, b"h"), memory.forgo(path)) for path in unknown]
    yield "remember a path, 1,000 at once, synced", 1000, lambda: memory.commit({os.urandom(16): history for history in said})
    memory.close()


def of_files(folder: Path) -> Iterator[Step]:
    """Yield what a file takes beside the network."""
    small, large = os.urandom(SMALL), os.urandom(LARGE)
    for name, method in (("sha512", hashlib.sha512), ("blake3", blake3)):
        yield f"{name} of 10 kB", 100, partial(_digests, method, small, 100)
        yield f"{name} of 10 MB", 1, partial(_digests, method, large, 1)
    numbers = count()
    folder.joinpath("files").mkdir()
    for title, synced in (("write 10 kB and rename", False), ("write 10 kB, sync, rename and sync the folder", True)):
        yield title, 100, partial(_place_many, folder / "files", numbers, small, synced)


def _digests(method: Callable[[bytes], Any], content: bytes, times: int) -> None:
    for _ in range(times):
        method(content).digest()


def _place_many(folder: Path, numbers: Iterator[int], content: bytes, synced: bool) -> None:
    for number in islice(numbers, 100):
        _place(folder / str(number), content, synced)


def _place(file: Path, content: bytes, synced: bool) -> None:
    descriptor = os.open(f"{file}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(descriptor, content)
    if synced:
        os.fsync(descriptor)
    os.close(descriptor)
    os.rename(f"{file}.new", file)
    if synced:
        descriptor = os.open(file.parent, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def full_pump(folder: Path, kind: str) -> Station:
    """Return a pump on the broker in memory, where its messages wait."""
    server = FakeExchangeServer()
    broker = FakeBroker(server)
    queues = (Queue(name="q", bindings=(("xin", "#"),)), Queue(name="ear", bindings=(("xout", "#"),)))
    kept = (*later_topology("feeder", "fuse"), dead_queue("feeder", "fuse"))
    broker.declare(Topology(exchanges=("xin", "xout"), queues=(*queues, *kept)))
    posts = islice(announcements(SOURCES[kind]), MESSAGES)
    broker.publish([(None, _message(post)) for post in posts], lambda _: None)
    folder.mkdir()
    edge = InputEdge(kind="internal", queue="q", exchange="xin")
    return Station(server, folder, a_pump(kind, folder, inputs=(edge,), public=OutputEdge(exchange="xout"), reports=None))


def _message(post: Post) -> Message:
    return Message(body=write_v03(post), exchange="xin", routing_key=topic_of(post.rel_path), content_type="application/json")


def _cost(work: Callable[[], object], times: int, runs: int) -> Cost:
    return _median([_once(work, times) for _ in range(runs)])


def _median(costs: list[Cost]) -> Cost:
    return statistics.median(cost[0] for cost in costs), statistics.median(cost[1] for cost in costs)


def _once(work: Callable[[], object], times: int) -> Cost:
    processor, clock = time.thread_time(), time.perf_counter()
    work()
    return (time.thread_time() - processor) / times * 1e6, (time.perf_counter() - clock) / times * 1e6
