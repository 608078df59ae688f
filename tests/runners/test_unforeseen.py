from typing import Any

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that
from arrivals import a_delivery, an_arrival

from winnowry.runners.unforeseen import Guarded
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Unreachable
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.branch import branch, finish, guarded

BAD = an_arrival(rel_path="bad")


def raises(element: Delivery | Arrival) -> Any:
    if element == BAD or isinstance(element, Delivery):
        raise ZeroDivisionError("a bug")
    return element


def loses_its_broker(element: Delivery) -> Any:
    raise Unreachable(Reason.UNREACHABLE, "the broker")


def are(*expected: tuple[Ending, Reason]) -> Any:
    def check(outcomes: list[Outcome]) -> None:
        assert [(outcome.ending, outcome.reason) for outcome in outcomes] == list(expected)
        assert all("a bug" in outcome.detail for outcome in outcomes)

    return check


def test_a_message_that_makes_a_step_raise_is_a_dead_letter_and_harms_no_other() -> None:
    with beam.Pipeline(runner="FnApiRunner") as pipeline, guarded(Guarded):
        branches = branch(pipeline | beam.Create([an_arrival(rel_path="good"), BAD]), raises)
        ended = finish(pipeline | "Deliveries" >> beam.Create([a_delivery()]), raises)
        assert_that(branches.going_on, lambda found: _are_paths(found, ["good"]), "going on")
        assert_that(branches.ended, are((Ending.FAILED, Reason.BUG)), "ended")
        assert_that(ended, are((Ending.FAILED, Reason.BUG)), "finished")


def _are_paths(found: list[Arrival], paths: list[str]) -> None:
    assert [arrival.post.rel_path for arrival in found] == paths


def test_trouble_that_passes_puts_off_what_it_befell() -> None:
    outcome = Guarded(loses_its_broker)(a_delivery())
    assert (outcome.ending, outcome.reason) == (Ending.RETRIED, Reason.UNREACHABLE)
    assert outcome.delay > 0


def test_without_a_guard_an_error_is_an_error() -> None:
    with pytest.raises(ZeroDivisionError), beam.Pipeline(runner="FnApiRunner") as pipeline:
        branch(pipeline | beam.Create([BAD]), raises)
