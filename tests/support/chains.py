"""A shovel and the winnow behind it, each an engine in a thread of the test, on a real broker that a test may break.

::

    xs_alice ─▶ q_feeder.relay ─▶ relay (shovel) ─▶ xwinnow ─▶ q_feeder.fuse ─▶ fuse (winnow) ─▶ xpublic ─▶ q_carol
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from brokers import Vhost, eventually
from engines import a_pump
from relays import a_file

from winnowry.io.amqp import AmqpBroker, AmqpSettings
from winnowry.io.broker import Queue, Topology
from winnowry.io.later import DELAYS, later_queue
from winnowry.pipelines.pump import Pump
from winnowry.runners.direct.assembly import build
from winnowry.schemas.edge import InputEdge, OutputEdge
from winnowry.schemas.topics import topic_of
from winnowry.schemas.v03 import write_v03

SECONDS = 60.0
CAROL = "q_carol"
RELAY, FUSE = "q_feeder.relay", "q_feeder.fuse"
Status = dict[str, Any]


class Running:
    """A pump that runs in a thread until its context is left; then it drains. Its queues belong to ``feeder``."""

    def __init__(self, pump: Pump, source: str, target: str = "", *, prefetch: int = 200, heartbeat: int = 30) -> None:
        settings = AmqpSettings(urls=(source,), name=pump.name, heartbeat=heartbeat, renewal=1)
        self.source = AmqpBroker(settings)
        self.target = AmqpBroker(replace(settings, urls=(target,))) if target else self.source
        queues = tuple(Queue(name=edge.queue, bindings=((edge.exchange, "#"),)) for edge in pump.inputs)
        self.source.declare(Topology(queues=queues))
        self.engine = build(pump, self.source, self.target, owner="feeder", prefetch=prefetch)
        self._queues = [edge.queue for edge in pump.inputs]
        self._kept = [later_queue("feeder", pump.name, delay) for delay in DELAYS]
        self._thread = threading.Thread(target=self.engine.run, name=pump.name, daemon=True)

    @property
    def runs(self) -> bool:
        return self._thread.is_alive()

    def until(self, happens: Callable[[Status], bool], seconds: float = SECONDS) -> Status:
        """Return the status as soon as ``happens`` is true of it."""
        found: list[Status] = []

        def seen() -> bool:
            found[:] = [self.engine.status()]
            return happens(found[0])

        eventually(seen, seconds, f"what was expected of {self.engine.status()}")
        return found[0]

    def says(self, what: str) -> Status:
        """Return the status as soon as it says this of one of its brokers."""
        return self.until(lambda status: any(what in state for state in status["brokers"].values()))

    def done(self, vhost: Vhost) -> Status:
        """Return the status as soon as the pump has emptied its queues and holds nothing any more."""
        for queue in (*self._queues, *self._kept):
            eventually(lambda queue=queue: not vhost.depth(queue), SECONDS, f"{queue} becoming empty")  # type: ignore[misc]
        return self.until(lambda status: not any(status[name] for name in ("waiting", "parked", "later", "unsettled")))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.stop()
        self._thread.join()
        for broker in {self.source, self.target}:
            broker.close()


class Chain:
    """Both pumps on one virtual host. Each is started when it is first asked for.

    ``relay_url`` and ``relay_target`` are other ways to it, for all that relay says, and for what it publishes.
    """

    def __init__(self, vhost: Vhost, folder: Path, *, relay_url: str = "", relay_target: str = "", heartbeat: int = 30) -> None:
        self.vhost = vhost
        self._folder = folder
        self._relay_url, self._relay_target = relay_url or vhost.url, relay_target
        self._heartbeat = heartbeat
        self._stack = ExitStack()
        for exchange in ("xs_alice", "xwinnow", "xpublic"):
            vhost.add_exchange(exchange)
        vhost.queue(RELAY, "xs_alice")
        vhost.queue(CAROL, "xpublic")

    @cached_property
    def relay(self) -> Running:
        pump = a_pump_of("shovel", "relay", self._folder, InputEdge(kind="internal", queue=RELAY, exchange="xs_alice"))
        return self._stack.enter_context(Running(pump, self._relay_url, self._relay_target, heartbeat=self._heartbeat))

    @cached_property
    def fuse(self) -> Running:
        pump = a_pump_of("winnow", "fuse", self._folder, InputEdge(kind="internal", queue=FUSE, exchange="xwinnow"))
        return self._stack.enter_context(Running(pump, self.vhost.url, heartbeat=self._heartbeat))

    def start(self) -> Self:
        """Start both; what is announced before fuse is there would be unroutable for a while."""
        assert self.fuse.runs and self.relay.runs
        return self

    def announce(self, names: Sequence[str]) -> None:
        announce(self.vhost, names, "xs_alice")

    def ended(self, names: Sequence[str], *, again: bool = False) -> None:
        """Check that carol is told of each of these once and of nothing else, and that nothing is left anywhere.

        Where what fuse said last was not confirmed, it says it ``again``: carol's own memory, not her queue, knows it then.
        """
        eventually(lambda: self.vhost.depth(CAROL) >= len(names), SECONDS, f"the coming of {len(names)} announcements")
        for pump in (self.relay, self.fuse):
            pump.done(self.vhost)
        told = heard(self.vhost, self.vhost.depth(CAROL))
        told = Counter(set(told)) if again else told
        assert told == Counter(names)
        assert [self.vhost.depth(queue) for queue in (CAROL, "q_feeder.relay.dead", "q_feeder.fuse.dead")] == [0, 0, 0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def a_pump_of(kind: str, name: str, folder: Path, *edges: InputEdge, **settings: Any) -> Pump:
    """Return a pump without Reports: a shovel to `xwinnow`, any other to `xpublic`."""
    home = folder / name
    home.mkdir(parents=True)
    output = OutputEdge(exchange="xwinnow" if kind == "shovel" else "xpublic")
    return a_pump(kind, home, name=name, inputs=edges, public=output, reports=None, **settings)


def names_of(count: int, first: int = 0) -> list[str]:
    return [f"a/{number}.bufr" for number in range(first, first + count)]


def announce(vhost: Vhost, names: Sequence[str], exchange: str) -> None:
    """Announce an equal file under each of these names of one folder, confirmed."""
    vhost.publish(exchange, topic_of(names[0]), *(write_v03(a_file(name, "1B2M2Y8AsgTpgAmY7PhCfg==")) for name in names))


def heard(vhost: Vhost, count: int) -> Counter[str]:
    """Return what carol is told of next, as soon as there are so many."""
    return Counter(str(json.loads(body)["relPath"]) for body in vhost.take(CAROL, count, SECONDS))
