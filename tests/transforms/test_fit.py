import msgspec
import pytest
from arrivals import INTERNAL, a_delivery, an_arrival
from lists import check_branches

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.delivery import BODY_LIMIT
from winnowry.schemas.edge import OutputEdge
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.fit import MARGIN, Fit, fit
from winnowry.transforms.route import Routes

ROUTES = Routes(public=OutputEdge(exchange="xpublic", unheard=True))
OURS = "https://ddi.example.org/"


def large(size: int) -> Arrival:
    """Return an Arrival that brings so many bytes of a field that nobody knows."""
    foreign = {"x": msgspec.Raw(b'"' + b"x" * size + b'"')}
    return an_arrival(delivery=a_delivery(body=b"x" * size), foreign=foreign, place="alice/b.bufr")


def test_what_can_be_announced_goes_on_as_it_is() -> None:
    arrival = large(BODY_LIMIT // 2)
    assert fit(arrival, ROUTES, OURS) is arrival


@pytest.mark.parametrize("size", [BODY_LIMIT, BODY_LIMIT - MARGIN])
def test_what_could_not_be_announced_when_it_is_fetched_is_not_fetched(size: int) -> None:
    outcome = fit(large(size), ROUTES, OURS)
    assert isinstance(outcome, Outcome)
    assert (outcome.ending, outcome.reason) == (Ending.MALFORMED, Reason.BODY_TOO_LARGE)


def test_what_is_passed_on_byte_for_byte_may_be_as_large_as_it_came() -> None:
    arrival = an_arrival(INTERNAL, delivery=a_delivery(INTERNAL, body=b"x" * BODY_LIMIT))
    assert fit(arrival, ROUTES) is arrival


def test_arrivals_go_on_or_end() -> None:
    good, bad = an_arrival(place="b"), large(BODY_LIMIT)
    check_branches(Fit(routes=ROUTES, base_url=OURS), [good, bad], going_on=[good], ended=[fit(bad, ROUTES, OURS)])
