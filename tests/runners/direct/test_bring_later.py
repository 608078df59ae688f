from pathlib import Path

from arrivals import a_delivery
from inbox import publish
from relays import Clock

from winnowry.io.broker import Queue, Topology
from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.io.later import postpone
from winnowry.io.later_store import LaterStore
from winnowry.runners.engines.inlet import Inlet
from winnowry.runners.engines.later import PORTION, BrokerLater, StoreLater
from winnowry.schemas.reasons import Reason

QUEUE = "q_feeder.ingest.later.1"


def nanoseconds(clock: Clock) -> int:
    return int(clock() * 1e9)


def an_inlet(clock: Clock) -> Inlet:
    return Inlet(clock_ns=lambda: nanoseconds(clock))


def test_later_queues_bring_until_they_pause() -> None:
    server, clock = FakeExchangeServer(), Clock()
    broker = FakeBroker(server)
    broker.declare(Topology(queues=(Queue(name=QUEUE),)))
    later, inlet = BrokerLater(broker, [QUEUE]), an_inlet(clock)
    copy = postpone(a_delivery(), 1, Reason.UNREACHABLE, nanoseconds(clock), account="feeder", pump="ingest")
    later.begin(inlet)
    publish(broker, [copy])
    assert inlet.later == 1
    later.pause()
    publish(broker, [copy])
    assert (inlet.later, len(server.bodies(QUEUE))) == (1, 1)
    later.put_back(inlet.empty())
    assert len(server.bodies(QUEUE)) == 2
    later.begin(inlet)
    clock.now += 1
    taken = inlet.take(10)
    assert [delivery.attempt for delivery in taken] == [2, 2]
    later.settle(taken)
    broker.close()
    assert server.bodies(QUEUE) == []


def test_a_store_brings_what_is_due_until_it_pauses(tmp_path: Path) -> None:
    clock = Clock()
    store = LaterStore(tmp_path / "later.sqlite")
    later, inlet = StoreLater(store, clock_ns=lambda: nanoseconds(clock)), an_inlet(clock)
    store.postpone([(a_delivery(), 10, Reason.UNREACHABLE)], nanoseconds(clock))
    clock.now += 11
    later.bring(inlet)
    assert inlet.waiting == 0
    later.begin(inlet)
    later.bring(inlet)
    assert inlet.waiting == 1
    later.pause()
    store.postpone([(a_delivery(), 0, Reason.UNREACHABLE)], nanoseconds(clock))
    clock.now += 1
    later.bring(inlet)
    assert inlet.waiting == 1


def test_what_came_from_the_store_is_settled_there(tmp_path: Path) -> None:
    clock = Clock()
    store = LaterStore(tmp_path / "later.sqlite")
    later, inlet = StoreLater(store, clock_ns=lambda: nanoseconds(clock)), an_inlet(clock)
    store.postpone([(a_delivery(), 0, Reason.UNREACHABLE)], nanoseconds(clock))
    later.begin(inlet)
    later.bring(inlet)
    [delivery] = inlet.take(10)
    later.settle([delivery])
    store.close()
    assert LaterStore(tmp_path / "later.sqlite").due(nanoseconds(clock)) == []


def test_the_store_is_not_looked_into_at_every_turn(tmp_path: Path) -> None:
    clock = Clock()
    store = LaterStore(tmp_path / "later.sqlite")
    later, inlet = StoreLater(store, clock_ns=lambda: nanoseconds(clock), every=5), an_inlet(clock)
    later.begin(inlet)
    later.bring(inlet)
    store.postpone([(a_delivery(), 0, Reason.UNREACHABLE)], nanoseconds(clock))
    later.bring(inlet)
    assert inlet.waiting == 0
    clock.now += 5
    later.bring(inlet)
    assert inlet.waiting == 1


def test_no_more_is_brought_than_can_soon_begin_and_what_has_not_is_given_back(tmp_path: Path) -> None:
    clock = Clock()
    store = LaterStore(tmp_path / "later.sqlite")
    later, inlet = StoreLater(store, clock_ns=lambda: nanoseconds(clock), every=0), an_inlet(clock)
    store.postpone([(a_delivery(), 0, Reason.UNREACHABLE)] * (2 * PORTION), nanoseconds(clock))
    later.begin(inlet)
    for _ in range(3):
        later.bring(inlet)
    assert inlet.waiting == PORTION
    begun = inlet.take(10)
    later.bring(inlet)
    assert inlet.waiting == PORTION
    later.put_back(inlet.empty())
    assert len(store.due(nanoseconds(clock), 3 * PORTION)) == 2 * PORTION - len(begun)
