from arrivals import an_arrival
from lists import check_outcomes

from winnowry.schemas.outcome import Ending
from winnowry.schemas.reasons import Reason
from winnowry.transforms.deliver import Deliver, deliver


def test_file_in_its_place_is_delivered() -> None:
    arrival = an_arrival()
    outcome = deliver(arrival)
    assert (outcome.ending, outcome.reason, outcome.arrival) == (Ending.DELIVERED, Reason.DONE, arrival)


def test_operation_that_was_done_is_told_from_a_file() -> None:
    assert deliver(an_arrival(file_op={"directory": ""})).reason is Reason.OPERATION_DONE


def test_arrivals_become_outcomes() -> None:
    check_outcomes(Deliver(), [an_arrival()], [deliver(an_arrival())])
