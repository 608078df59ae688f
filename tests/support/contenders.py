"""Programs that pass announcements on, each as its users would run it: what a benchmark lets run side by side."""

import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Protocol

from brokers import Vhost
from clusters import Cluster
from flink_jars import JARS
from sr3 import Sr3

from winnowry.runners.servers.owned import Owned

IN, OUT = "xin", "xout"
PREFETCH = 5000
FLINK_PREFETCH = 60_000
"""What a reader holds of a queue for two checkpoints of two seconds each: the default lets at most 5,000 a second pass."""
REPOSITORY = Path(__file__).parents[2]
BARE_RELAY = REPOSITORY / "tests" / "bench" / "bare_relay.py"
BARE_RELAY_IN_C = REPOSITORY / "build" / "bench" / "bare_relay"
"""Built by `make bench` where a compiler and librabbitmq are installed."""


@dataclass(frozen=True, kw_only=True)
class Track:
    """Where one contender runs: a virtual host with the exchanges ``xin`` and ``xout``, and a folder of its own."""

    vhost: Vhost
    folder: Path
    stack: ExitStack = field(repr=False)


class Contender(Protocol):
    """A program that can pass announcements on, as a ``shovel`` or as a ``winnow``."""

    name: str
    queue: str
    kinds: frozenset[str]
    share: float
    """How many of a race's messages it gets, as a share: the rate of a slow one shows soon."""
    settings: str
    """What of it differs from its defaults."""

    def prepare(self, track: Track, kind: str) -> None:
        """Declare its queue, bound to the exchange ``xin``."""

    def start(self, track: Track, kind: str) -> list[Owned]:
        """Begin to pass on what waits there; return the programs that do it."""


class Winnowry:
    """`winnowry run` on an engine, with so many ``readers`` (and subtasks) on Flink."""

    queue = "q_feeder.pump"
    kinds = frozenset({"shovel", "winnow"})
    share = 1.0

    def __init__(self, name: str, engine: str, readers: int = 1) -> None:
        self.name = name
        flink = f"readers: {readers}, parallelism: {readers}, prefetch: {FLINK_PREFETCH}"
        self._engine = f"{{name: flink, jars: {JARS}, {flink}}}" if engine == "flink" else f"{{name: {engine}}}"
        self.settings = flink if engine == "flink" else f"prefetch: {PREFETCH}"

    def prepare(self, track: Track, kind: str) -> None:
        track.vhost.queue(self.queue, IN)

    def start(self, track: Track, kind: str) -> list[Owned]:
        cluster = Cluster(track.vhost, track.folder)
        track.stack.enter_context(cluster.stack)
        pump = f"pump: {{kind: {kind}, from: {IN}, to: {OUT}, prefetch: {PREFETCH}}}"
        cluster.write(pump, exchanges=f"[{IN}]", engine=self._engine)
        return [cluster.start()]


class SarraceniaV3:
    """sr3 with these options, in so many processes that share a queue.

    Several are no winnow: each remembers for itself, and together they let repeats through.
    """

    queue = "q_guest.pump"

    def __init__(self, name: str, processes: int = 1, share: float = 0.1, **options: object) -> None:
        self.name = name
        self.kinds = frozenset({"shovel"} if processes > 1 else {"shovel", "winnow"})
        self.share = share
        self.settings = ", ".join(f"{key} {value}" for key, value in options.items()) or "its defaults"
        self._processes = processes
        self._options = options

    def prepare(self, track: Track, kind: str) -> None:
        self._program(track, kind).run("sr3", "declare", f"{kind}/pump")

    def start(self, track: Track, kind: str) -> list[Owned]:
        program = self._program(track, kind)
        if self._processes > 1:
            return program.start_instances(kind, "pump", self._processes)
        return [program.start(kind, "pump")]

    def _program(self, track: Track, kind: str) -> Sr3:
        program = Sr3(track.folder / "home", track.stack)
        suppression = {"nodupe_ttl": 3600} if kind == "winnow" else {}
        given = {"broker": track.vhost.url, "exchange": IN, "queueName": self.queue, "topicPrefix": "v03", "subtopic": "#"}
        target = {"post_broker": track.vhost.url, "post_exchange": OUT}
        program.configure(kind, "pump", **given, **target, **suppression, **self._options, instances=self._processes)
        return program


class BareLoop:
    """A program that consumes, publishes and acknowledges, and reads and checks nothing."""

    queue = "q_bare"
    kinds = frozenset({"shovel"})
    share = 1.0
    settings = "prefetch 1000, one acknowledgement for 500"

    def __init__(self, name: str, *command: str) -> None:
        self.name = name
        self._command = command

    def prepare(self, track: Track, kind: str) -> None:
        track.vhost.queue(self.queue, IN)

    def start(self, track: Track, kind: str) -> list[Owned]:
        relay = Owned([*self._command, track.vhost.url, self.queue, OUT], log=track.folder / "bare.log")
        track.stack.callback(relay.kill)
        return [relay]


TUNED = {"batch": 100, "prefetch": 500, "sleep": 0}
CONTENDERS: tuple[Contender, ...] = (
    Winnowry("winnowry", "direct"),
    Winnowry("winnowry on Flink", "flink"),
    Winnowry("winnowry on Flink, two readers", "flink", readers=2),
    BareLoop("bare pika loop", sys.executable, str(BARE_RELAY)),
    *([BareLoop("bare loop in C", str(BARE_RELAY_IN_C))] if BARE_RELAY_IN_C.exists() else []),
    SarraceniaV3("sr3 as shipped", share=0.04),
    SarraceniaV3("sr3 tuned", **TUNED),
    SarraceniaV3("sr3 tuned, four processes", 4, **TUNED),
)

TUNINGS: tuple[Contender, ...] = tuple(
    SarraceniaV3(f"sr3, batch {batch}, prefetch {prefetch}", batch=batch, prefetch=prefetch, sleep=0)
    for batch, prefetch in product((25, 100, 500), repeat=2)
)
"""Among which ``TUNED`` was found to be the best."""
