from typing import Any

import pytest
from arrivals import an_arrival
from lists import check_branches

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.edge import OutputEdge
from winnowry.schemas.errors import ConfigError
from winnowry.schemas.outcome import Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.route import Route, Routes, route

PUBLIC = OutputEdge(exchange="xpublic", unheard=True)
PRIVATE = OutputEdge(exchange="xprivate")
BOTH = Routes(public=PUBLIC, private=PRIVATE, reaches=("ddi.example.org", "dd.example.org"))


def refusal(routes: Routes, **fields: Any) -> Reason:
    outcome = route(an_arrival(**fields), routes)
    assert isinstance(outcome, Outcome)
    return outcome.reason


@pytest.mark.parametrize("to_clusters", [None, "ALL", "dd.example.org", "x.example, dd.example.org", "x.example,ALL"])
def test_post_for_a_cluster_within_reach_goes_on(to_clusters: str | None) -> None:
    arrival = an_arrival(to_clusters=to_clusters)
    assert route(arrival, BOTH) is arrival


@pytest.mark.parametrize("to_clusters", ["x.example", "", "all", "sub.dd.example.org"])
def test_post_for_others_is_refused(to_clusters: str) -> None:
    assert refusal(BOTH, to_clusters=to_clusters) is Reason.NO_DESTINATION


def test_pump_that_names_no_clusters_reaches_any() -> None:
    assert isinstance(route(an_arrival(to_clusters="x.example"), Routes(public=PUBLIC)), Arrival)


def test_private_posts_leave_by_the_private_edge() -> None:
    assert BOTH.edge_for(an_arrival(private=True).post) is PRIVATE
    assert BOTH.edge_for(an_arrival().post) is PUBLIC


def test_private_post_is_never_announced_to_the_public() -> None:
    assert refusal(Routes(public=PUBLIC), private=True) is Reason.PRIVATE_WITHOUT_EDGE


def test_public_post_needs_a_public_edge() -> None:
    assert refusal(Routes(private=PRIVATE)) is Reason.NO_DESTINATION


def test_pump_needs_a_way_out() -> None:
    with pytest.raises(ConfigError, match="to: "):
        Routes()


def test_arrivals_go_on_or_end() -> None:
    good, bad = an_arrival(), an_arrival(to_clusters="x.example")
    check_branches(Route(routes=BOTH), [good, bad], going_on=[good], ended=[route(bad, BOTH)])
