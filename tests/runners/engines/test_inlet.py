from collections.abc import Iterator
from threading import Thread

import pytest
from arrivals import a_delivery
from msgspec.structs import replace
from relays import Clock

from winnowry.io.later import postpone
from winnowry.runners.engines.inlet import Inlet
from winnowry.schemas.arrival import identify
from winnowry.schemas.delivery import BODY_LIMIT, Delivery
from winnowry.schemas.reasons import Reason


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def inlet(clock: Clock) -> Inlet:
    return Inlet(clock_ns=lambda: int(clock() * 1e9))


def later(clock: Clock, delay: float, tag: int = 1, reason: Reason = Reason.UNREACHABLE) -> Delivery:
    """What comes off a later queue."""
    copy = postpone(a_delivery(tag=9), delay, reason, int(clock() * 1e9), account="feeder", pump="ingest")
    return Delivery(body=copy.body, queue=copy.routing_key, exchange="", headers=copy.headers, tag=tag)


def test_parked_work_goes_before_due_work_and_that_before_fresh(inlet: Inlet, clock: Clock) -> None:
    fresh, parked = a_delivery(tag=1), a_delivery(tag=2)
    inlet.deliver(fresh)
    inlet.deliver_later(later(clock, 0.0, tag=3))
    inlet.again(parked)
    assert [delivery.tag for delivery in inlet.take(10)] == [2, 3, 1]


def test_of_a_body_that_is_too_large_little_is_kept(inlet: Inlet) -> None:
    large = a_delivery(body=b"x" * 3 * BODY_LIMIT)
    inlet.deliver(large)
    inlet.deliver(a_delivery(body=b"x" * BODY_LIMIT))
    kept, whole = inlet.take(2)
    assert (len(kept.body), len(whole.body)) == (BODY_LIMIT + 1, BODY_LIMIT)
    assert identify(kept) == identify(large) != identify(whole)


def test_no_more_is_taken_than_there_is_room_for(inlet: Inlet) -> None:
    for tag in range(5):
        inlet.deliver(a_delivery(tag=tag))
    assert [delivery.tag for delivery in inlet.take(2)] == [0, 1]
    assert inlet.waiting == 3


def test_a_later_delivery_waits_until_it_is_due(inlet: Inlet, clock: Clock) -> None:
    inlet.deliver_later(later(clock, 10))
    clock.now += 9.9
    assert (inlet.take(10), inlet.later) == ([], 1)
    clock.now += 0.2
    taken = inlet.take(10)
    assert [(delivery.attempt, delivery.queue) for delivery in taken] == [(2, "q_feeder.ingest.alice")]
    assert inlet.later == 0


def test_the_first_due_goes_first(inlet: Inlet, clock: Clock) -> None:
    for tag, delay in ((1, 10), (2, 1), (3, 60)):
        inlet.deliver_later(later(clock, delay, tag))
    clock.now += 60
    assert [delivery.tag for delivery in inlet.take(10)] == [2, 1, 3]


def test_a_longer_wait_hops_on(inlet: Inlet, clock: Clock) -> None:
    inlet.deliver_later(later(clock, 900))
    clock.now += 600
    assert inlet.take(10) == []
    [(delivery, copy)] = inlet.hops()
    assert (delivery.held_by, copy.routing_key) == ("q_feeder.ingest.later.600", "q_feeder.ingest.later.600")
    assert inlet.hops() == []


def test_forged_bookkeeping_is_not_believed(inlet: Inlet, clock: Clock) -> None:
    forged = replace(a_delivery(), headers={**later(clock, 0).headers, "sum": "d,0"})
    inlet.deliver(forged)
    assert [(delivery.attempt, delivery.headers) for delivery in inlet.take(1)] == [(1, {"sum": "d,0"})]


def test_what_was_begun_is_not_given_up(inlet: Inlet, clock: Clock) -> None:
    inlet.deliver(a_delivery(tag=1))
    inlet.deliver_later(later(clock, 10, tag=2))
    inlet.again(a_delivery(tag=3))
    inlet.come_due([a_delivery(tag=4)])
    assert sorted(delivery.tag for delivery in inlet.empty()) == [1, 2, 4]
    assert [delivery.tag for delivery in inlet.take(10)] == [3]
    assert (inlet.waiting, inlet.later) == (0, 0)


def test_a_supply_is_drawn_on_as_there_is_room() -> None:
    drawn: list[int] = []

    def supply() -> Iterator[Delivery]:
        for tag in range(3):
            drawn.append(tag)
            yield a_delivery(tag=tag)

    inlet = Inlet(clock_ns=lambda: 0, supply=supply())
    assert [delivery.tag for delivery in inlet.take(2)] == [0, 1]
    assert (drawn, inlet.waiting) == ([0, 1], 1)
    assert [delivery.tag for delivery in inlet.take(2)] == [2]
    assert inlet.waiting == 0


def test_a_wait_ends_when_something_stirs(inlet: Inlet) -> None:
    thread = Thread(target=inlet.deliver, args=(a_delivery(),))
    thread.start()
    inlet.wait(60)
    thread.join()
    assert inlet.waiting == 1


def test_a_wait_ends_when_something_is_due(inlet: Inlet, clock: Clock) -> None:
    inlet.deliver_later(later(clock, 0))
    inlet.wait(60)
    inlet.wait(60)
    assert len(inlet.take(1)) == 1


def test_what_is_kept_for_later_is_kept_once_when_it_is_delivered_again(inlet: Inlet, clock: Clock) -> None:
    held = [later(clock, 1.0, tag=1), later(clock, 1.0, tag=2, reason=Reason.NOT_FOUND)]
    other = replace(later(clock, 1.0, tag=3), body=b"another")
    for delivery in (*held, other):
        inlet.deliver_later(delivery)
    inlet.deliver_later(replace(held[0], tag=1, epoch=2, redelivered=True))
    clock.now += 2
    assert [(delivery.tag, delivery.epoch) for delivery in inlet.take(9)] == [(3, 0), (1, 2)]


def test_what_is_due_is_not_begun_while_nothing_is_to_begin(inlet: Inlet, clock: Clock) -> None:
    inlet.come_due([a_delivery(tag=1), a_delivery(tag=2)])
    inlet.deliver_later(later(clock, 1, tag=3))
    clock.now += 1
    assert [delivery.tag for delivery in inlet.take(1)] == [1]
    assert inlet.take(10, only_again=True) == []
    assert sorted(delivery.tag for delivery in inlet.empty()) == [2, 3]
