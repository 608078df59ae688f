from collections.abc import Callable
from pathlib import Path

import pytest
from arrivals import a_delivery
from relays import Clock

from winnowry.io.crashes import CrashBook
from winnowry.runners.direct.suspects import ALONE_SECONDS, PORTION, TOGETHER_SECONDS, Suspects
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.outcome import Ending
from winnowry.schemas.reasons import Reason

Life = Callable[[], Suspects]


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
def life(tmp_path: Path, clock: Clock) -> Life:
    """Begin the life of a process after one that has crashed."""
    return lambda: Suspects(CrashBook(tmp_path / "crashes.json", crashed=True), clock)


def redelivered(number: int) -> Delivery:
    return a_delivery(body=b"%d" % number, tag=number, redelivered=True)


def test_what_comes_for_the_first_time_is_no_suspect(life: Life) -> None:
    suspects = life()
    fresh = a_delivery(tag=9)
    assert suspects.set_aside([fresh]) == [fresh]
    assert (len(suspects), suspects.busy) == (0, False)


def test_what_came_with_suspects_waits_behind_them_because_it_is_younger(life: Life) -> None:
    suspects = life()
    fresh, woken = a_delivery(tag=9), a_delivery(tag=10)
    assert suspects.set_aside([redelivered(1), fresh]) == []
    assert (suspects.follow(), suspects.next_portion()) == ([], [redelivered(1)])
    assert (suspects.follow(), suspects.set_aside([woken])) == ([], [woken])
    suspects.settled(redelivered(1))
    assert (suspects.follow(), suspects.follow(), len(suspects)) == ([fresh], [], 0)


def test_suspects_run_in_portions_one_after_another(life: Life) -> None:
    suspects = life()
    deliveries = [redelivered(number) for number in range(PORTION + 1)]
    suspects.set_aside(deliveries)
    portion = suspects.next_portion()
    assert portion == deliveries[:PORTION]
    for delivery in portion:
        assert suspects.next_portion() == []
        suspects.settled(delivery)
    assert suspects.next_portion() == deliveries[PORTION:]
    suspects.settled(deliveries[PORTION])
    assert (suspects.next_portion(), suspects.busy) == ([], False)


def test_what_was_underway_at_a_crash_runs_alone_and_first(life: Life) -> None:
    both = [redelivered(1), redelivered(2)]
    before = life()
    before.set_aside(both)
    assert before.next_portion() == both
    after = life()
    after.set_aside([redelivered(3), *both])
    order = []
    while portion := after.next_portion():
        order.append([delivery.tag for delivery in portion])
        for delivery in portion:
            after.settled(delivery)
    assert order == [[1], [2], [3]]


def test_the_third_crash_of_one_delivery_makes_a_dead_letter_of_it_alone(life: Life) -> None:
    both = [redelivered(1), redelivered(2)]
    for tags in ([1, 2], [1]):  # the first crash was that of a process which suspected nobody
        suspects = life()
        suspects.set_aside(both)
        assert suspects.condemned() == []
        assert [delivery.tag for delivery in suspects.next_portion()] == tags
    last = life()
    last.set_aside(both)
    ended = [(outcome.delivery.tag, outcome.ending, outcome.reason) for outcome in last.condemned()]
    assert ended == [(1, Ending.FAILED, Reason.CRASHED)]
    assert [delivery.tag for delivery in last.next_portion()] == [2]


def test_a_suspect_that_transfers_for_long_keeps_nobody_waiting(life: Life, clock: Clock) -> None:
    before = life()
    before.set_aside([redelivered(1)])
    before.next_portion()
    suspects = life()
    suspects.set_aside([redelivered(1), redelivered(2)])
    assert [delivery.tag for delivery in suspects.next_portion()] == [1]
    clock.now += ALONE_SECONDS - 0.1
    assert suspects.next_portion() == []
    clock.now += 0.2
    assert [delivery.tag for delivery in suspects.next_portion()] == [2]


def test_a_portion_of_which_one_transfers_for_long_lets_the_next_begin(life: Life, clock: Clock) -> None:
    suspects = life()
    suspects.set_aside([redelivered(number) for number in range(PORTION + 1)])
    for delivery in suspects.next_portion()[1:]:
        suspects.settled(delivery)
    assert suspects.next_portion() == []
    clock.now += TOGETHER_SECONDS
    assert [delivery.tag for delivery in suspects.next_portion()] == [PORTION]


def test_a_suspect_that_is_woken_goes_on_at_once(life: Life) -> None:
    suspects = life()
    suspects.set_aside([redelivered(1)])
    assert suspects.set_aside(suspects.next_portion()) == [redelivered(1)]


def test_suspects_that_have_not_begun_are_given_back(life: Life) -> None:
    suspects = life()
    suspects.set_aside([redelivered(number) for number in range(PORTION + 2)])
    suspects.next_portion()
    assert [delivery.tag for delivery in suspects.empty()] == [PORTION, PORTION + 1]
    assert len(suspects) == 0
