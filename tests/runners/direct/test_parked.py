from arrivals import a_delivery, an_arrival

from winnowry.runners.direct.parked import Parked
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.outcome import Ending, end
from winnowry.schemas.reasons import Reason


def arrived(tag: int, body: bytes = b"{}") -> Arrival:
    return an_arrival(delivery=a_delivery(tag=tag, body=body))


def test_a_transfer_wakes_by_identity_and_a_twin_by_its_hold() -> None:
    parked = Parked()
    fetching, twin = arrived(1), arrived(2)
    parked.put(end(fetching, Ending.PARKED, Reason.TRANSFER_UNDERWAY), 0.0)
    parked.put(end(twin, Ending.PARKED, Reason.TWIN_UNDERWAY), 0.0)
    assert parked.pop(fetching.delivery.hold) is None
    assert parked.pop(fetching.identity) is fetching.delivery
    assert parked.pop(twin.delivery.hold) is twin.delivery
    assert (parked.pop(twin.delivery.hold), len(parked)) == (None, 0)


def test_what_is_woken_and_parked_again_has_waited_since_the_first_time() -> None:
    parked = Parked()
    outcome = end(arrived(1), Ending.PARKED, Reason.TWIN_UNDERWAY)
    parked.put(outcome, 10.0)
    parked.pop(outcome.delivery.hold)
    parked.put(outcome, 20.0)
    assert parked.overdue(10.0) == []
    assert parked.overdue(10.5) == [outcome]
    assert len(parked) == 0


def test_what_is_settled_begins_anew() -> None:
    parked = Parked()
    outcome = end(arrived(1), Ending.PARKED, Reason.TWIN_UNDERWAY)
    parked.put(outcome, 10.0)
    parked.pop(outcome.delivery.hold)
    parked.settled(outcome.delivery)
    parked.put(outcome, 20.0)
    assert (parked.overdue(15.0), parked.overdue(25.0)) == ([], [outcome])


def test_everything_is_given_up_at_once() -> None:
    parked = Parked()
    arrivals = [arrived(1, b"1"), arrived(2, b"2")]
    for arrival in arrivals:
        parked.put(end(arrival, Ending.PARKED, Reason.TRANSFER_UNDERWAY), 0.0)
    assert parked.empty() == [arrival.delivery for arrival in arrivals]
    assert (len(parked), parked.overdue(1.0)) == (0, [])
