"""A pump without Beam: the sieve and the ledger of the `direct` engine, on a broker in memory, turned by hand.

It is what a `winnow` does with each Delivery. It can die before or after any call that changes the world, and begin again.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from arrivals import NOW, a_post

from winnowry.io.broker import Confirmations, Queue, Topology
from winnowry.io.dead import bury, dead_queue
from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.io.later import later_topology, postpone
from winnowry.io.memory import Memory
from winnowry.runners.direct.claims import close_claims
from winnowry.runners.direct.ledger import Ledger
from winnowry.runners.direct.sieve import sift
from winnowry.runners.engines.holders import Holders
from winnowry.runners.engines.inlet import Inlet
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.edge import InputEdge, OutputEdge
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.outcome import Ending, Outcome, end
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.times import write_time
from winnowry.schemas.topics import topic_of
from winnowry.schemas.v03 import read_v03, write_v03
from winnowry.transforms.decode import decode
from winnowry.transforms.encode import encode
from winnowry.transforms.report import report_of
from winnowry.transforms.route import Routes
from winnowry.transforms.winnow import Scope

EDGES = tuple(InputEdge(kind="internal", queue=f"q_feeder.fuse.{name}", exchange=f"xs_{name}") for name in ("alice", "bob"))
"""The inputs: what two announcers say."""
ALICE, BOB = EDGES
OUT, REPORTS = "xpublic", "xl_feeder"
HEARD, REPORTED, DEAD = "q_dd.heard", "q_feeder.reported", "q_feeder.fuse.dead"
TURNS = 5000
"""Turns after which a pump that is still busy must be going round in circles."""
ROUTES = Routes(public=OutputEdge(exchange=OUT))


class Died(BaseException):
    """The process ends here, at the call that is named; Beam would make another error of one that names nothing."""


class Clock:
    """Shows the time that a test sets."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def a_station() -> FakeExchangeServer:
    """Return a broker with the exchanges and queues of the pump, and queues that hear what it says."""
    server = FakeExchangeServer()
    inputs = [Queue(name=edge.queue, bindings=((edge.exchange, "#"),)) for edge in EDGES]
    ears = [Queue(name=HEARD, bindings=((OUT, "#"),)), Queue(name=REPORTED, bindings=((REPORTS, "#"),))]
    queues = (*inputs, *ears, *later_topology("feeder", "fuse"), dead_queue("feeder", "fuse"))
    exchanges = (OUT, REPORTS, *(edge.exchange for edge in EDGES))
    FakeBroker(server).declare(Topology(exchanges=exchanges, queues=queues))
    return server


def a_file(path: str, content: str, at: float = 0.0, **fields: Any) -> Post:
    """Return the Post of a file; ``at`` is in seconds after the beginning of 2026."""
    fingerprint = Fingerprint(method="md5", value=content)
    pub_time = write_time(int((NOW + at) * 1e9))
    return a_post(rel_path=path, pub_time=pub_time, size=1, fingerprint=fingerprint, **fields)


def announcement(post: Post, edge: InputEdge) -> Message:
    return Message(
        body=write_v03(post), exchange=edge.exchange, routing_key=topic_of(post.rel_path), content_type="application/json"
    )


def announce(server: FakeExchangeServer, post: Post, edge: InputEdge = ALICE) -> None:
    broker = FakeBroker(server)
    broker.publish([(None, announcement(post, edge))], lambda _: None)
    broker.close()


class Log:
    """The calls that change the world, in their order; the process may die before or after one of them."""

    def __init__(self, dies_at: tuple[int, str] | None = None) -> None:
        self.calls: list[str] = []
        self.dies_at = dies_at

    def note(self, what: str, call: Callable[[], Any]) -> Any:
        number = len(self.calls)
        self.calls.append(what)
        if self.dies_at == (number, "before"):
            raise Died(what)
        result = call()
        if self.dies_at == (number, "after"):
            raise Died(what)
        return result


class LoggedBroker(FakeBroker):
    """A connection whose calls are noted."""

    def __init__(self, server: FakeExchangeServer, log: Log) -> None:
        super().__init__(server)
        self._log = log

    def publish(self, batch: Sequence[tuple[Any, Message]], answered: Callable[[Confirmations], None]) -> None:
        def confirmed(confirmations: Confirmations) -> None:
            self._log.calls.extend(f"{answer.value} by {sending[1].exchange}" for sending, answer in confirmations)
            answered(confirmations)

        exchanges = ", ".join(sorted({message.exchange for _, message in batch}))
        self._log.note(f"publish to {exchanges}", lambda: FakeBroker.publish(self, batch, confirmed))

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        self._log.note("settle", lambda: FakeBroker.settle(self, deliveries))


class LoggedMemory(Memory):
    """A memory whose commits are noted."""

    log: Log

    def commit(self, histories: Any, beside: Any = MappingProxyType({})) -> list[bytes]:
        woken: list[bytes] = self.log.note("commit", lambda: Memory.commit(self, histories, beside))
        return woken


class ToyDesk:
    """Reports everything that a Post was read of, and keeps the rest in our queues."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def postpone(self, outcome: Outcome) -> Message | None:
        now = int(self._clock() * 1e9)
        return postpone(outcome.delivery, outcome.delay, outcome.reason, now, account="feeder", pump="fuse")

    def bury(self, outcome: Outcome) -> Message | None:
        return bury(outcome, int(self._clock() * 1e9), account="feeder", pump="fuse")

    def report(self, outcome: Outcome) -> Message | None:
        return report_of(outcome, exchange=REPORTS, host="host", user="feeder", now=self._clock())


class Relay:
    """One life of the pump. ``work`` is what is done with an Arrival that is news."""

    def __init__(
        self,
        server: FakeExchangeServer,
        folder: Path,
        *,
        log: Log | None = None,
        clock: Clock | None = None,
        work: Callable[[Arrival], Outcome] = lambda arrival: encode(arrival, ROUTES),
        limit: int = 1000,
        shared: bool = False,
    ) -> None:
        self.log = log or Log()
        self.clock = clock or Clock()
        self.broker = LoggedBroker(server, self.log)
        self.memory = LoggedMemory(folder, remember=timedelta(days=3), shared=shared, clock=self.clock)
        self.memory.log = self.log
        self.inlet = Inlet(clock_ns=lambda: int(self.clock() * 1e9))
        self.ledger = Ledger(
            source=self.broker,
            target=self.broker,
            holders=Holders(self.broker, self.broker),
            desk=ToyDesk(self.clock),
            memory=self.memory,
            inlet=self.inlet,
            clock=self.clock,
        )
        self._work = work
        self._limit = limit
        for edge in EDGES:
            self.broker.consume(edge.queue, 100, self.inlet.deliver)
        for queue in later_topology("feeder", "fuse"):
            self.broker.consume(queue.name, 100, self.inlet.deliver_later)

    def _judged(self, delivery: Delivery) -> Outcome:
        arrival = decode(delivery, {edge.queue: edge for edge in EDGES})
        sifted = sift(arrival, self.memory, Scope()) if isinstance(arrival, Arrival) else arrival
        return self._work(sifted) if isinstance(sifted, Arrival) else sifted

    def turn(self) -> bool:
        """Run one round, as the engine does; False when there was nothing to do."""
        taken = self.inlet.take(self._limit)
        self.ledger.enter([self._judged(delivery) for delivery in taken])
        self.ledger.hop(self.inlet.hops())
        self.ledger.advance()
        return bool(taken)

    def run(self) -> None:
        """Turn until nothing has happened for three turns: what the last one published is answered in the next."""
        quiet = 0
        for _ in range(TURNS):
            quiet = 0 if self.turn() else quiet + 1
            if quiet == 3:
                return
        raise AssertionError(f"still busy after {TURNS} turns")

    def end(self) -> None:
        """Die: what was unsettled goes back, what was reserved is free."""
        self.broker.close()
        self.memory.close()


def live(server: FakeExchangeServer, folder: Path, dies_at: tuple[int, str] | None = None) -> Log:
    """Run the pump until it is idle, or dies."""
    relay = Relay(server, folder, log=Log(dies_at))
    with suppress(Died):
        relay.run()
    relay.end()
    return relay.log


def said(bodies: Iterable[bytes]) -> list[tuple[str, str]]:
    """Return the path and content of each announcement."""
    posts = [read_v03(body) for body in bodies]
    assert all(isinstance(post, Post) for post in posts)
    return [(post.rel_path, post.fingerprint.value if post.fingerprint else "") for post in posts if isinstance(post, Post)]


def winnowed(server: FakeExchangeServer, folder: Path) -> list[tuple[str, str]]:
    """Return what the next winnow lets through of what this pump has said."""
    memory = Memory(folder, remember=timedelta(days=3), shared=False)
    news = []
    for number, body in enumerate(server.bodies(HEARD)):
        delivery = Delivery(body=body, queue=ALICE.queue, exchange=OUT, content_type="application/json", tag=number)
        arrival = decode(delivery, {ALICE.queue: ALICE})
        assert isinstance(arrival, Arrival)
        sifted = sift(arrival, memory, Scope())
        if isinstance(sifted, Arrival):
            news += said([body])
        _remember(memory, sifted)
    memory.close()
    return news


def _remember(memory: Memory, sifted: Arrival | Outcome) -> None:
    close_claims(memory, [end(sifted, Ending.ANNOUNCED, Reason.DONE) if isinstance(sifted, Arrival) else sifted])
