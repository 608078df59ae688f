import pytest
from arrivals import a_delivery
from msgspec import structs
from relays import Clock

from winnowry.runners.engines.fresh import LEFT_FOR, Fresh
from winnowry.schemas.delivery import Delivery


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


def came(body: bytes, epoch: int = 1, *, again: bool = False, queue: str = "q_dd") -> Delivery:
    return a_delivery(body=body, epoch=epoch, redelivered=again, queue=queue)


def taken(fresh: Fresh) -> list[tuple[bytes, int]]:
    found = []
    while fresh:
        delivery = fresh.popleft()
        found.append((delivery.body, delivery.epoch))
    return found


def test_what_is_delivered_again_takes_the_place_of_what_a_broken_channel_left(clock: Clock) -> None:
    fresh = Fresh(clock)
    for delivery in (came(b"a"), came(b"b"), came(b"a", 2, again=True), came(b"b", 2, again=True), came(b"c", 2)):
        fresh.append(delivery)
    assert (len(fresh), taken(fresh)) == (3, [(b"a", 2), (b"b", 2), (b"c", 2)])
    clock.now += LEFT_FOR + 1
    assert not fresh


def test_what_never_comes_again_since_its_queue_was_deleted_is_taken_after_a_while(clock: Clock) -> None:
    fresh = Fresh(clock)
    for delivery in (came(b"a"), came(b"b", 2)):
        fresh.append(delivery)
    assert (taken(fresh), len(fresh)) == ([(b"b", 2)], 1)
    clock.now += LEFT_FOR + 1
    assert taken(fresh) == [(b"a", 1)]


def test_a_broken_channel_of_one_queue_leaves_the_others_alone(clock: Clock) -> None:
    fresh = Fresh(clock)
    for delivery in (came(b"a"), came(b"a", 2, queue="q_other"), came(b"b", 3, again=True)):
        fresh.append(delivery)
    assert taken(fresh) == [(b"a", 2), (b"b", 3)]


def test_what_is_delivered_again_keeps_its_place_however_often(clock: Clock) -> None:
    fresh = Fresh(clock)
    first = [came(b"a"), came(b"x", queue="q_other"), came(b"b")]
    again = [came(body, epoch, again=True) for epoch in (2, 3) for body in (b"b", b"a")]
    for delivery in (*first, *again, came(b"c", 3), came(b"c", 3)):
        fresh.append(delivery)
    assert (len(fresh), taken(fresh)) == (5, [(b"a", 3), (b"x", 1), (b"b", 3), (b"c", 3), (b"c", 3)])


def test_what_is_given_up_is_given_up_whole(clock: Clock) -> None:
    fresh = Fresh(clock)
    for delivery in (came(b"a"), came(b"b"), came(b"a", 2, again=True), came(b"c", 2)):
        fresh.append(delivery)
    assert [(delivery.body, delivery.epoch) for delivery in fresh] == [(b"a", 2), (b"b", 1), (b"c", 2)]
    fresh.clear()
    assert not len(fresh)


def test_a_message_that_was_published_twice_leaves_nothing_behind(clock: Clock) -> None:
    fresh = Fresh(clock)
    for delivery in (came(b"a"), came(b"a"), came(b"a", 2, again=True), came(b"a", 2, again=True)):
        fresh.append(delivery)
    assert (taken(fresh), len(fresh)) == ([(b"a", 2), (b"a", 2)], 0)


def test_a_message_that_was_published_twice_is_given_up_twice(clock: Clock) -> None:
    fresh = Fresh(clock)
    again = [structs.replace(came(b"a", 2, again=True), tag=tag) for tag in (1, 2)]
    for delivery in (came(b"a"), came(b"a"), *again):
        fresh.append(delivery)
    assert {delivery.tag for delivery in fresh if delivery.epoch == 2} == {1, 2}
