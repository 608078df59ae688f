import apache_beam as beam
import pytest
from apache_beam.pvalue import PCollection
from apache_beam.testing.util import assert_that, equal_to
from arrivals import an_arrival

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.branches import Branches
from winnowry.schemas.outcome import Outcome, refuse
from winnowry.schemas.reasons import Reason
from winnowry.transforms.branch import branch, finish

SMALL, LARGE = an_arrival(size=1), an_arrival(size=2)


def small(arrival: Arrival) -> Arrival | Outcome:
    return arrival if arrival.post.size == 1 else refuse(arrival, Reason.TOO_LARGE)


def refused(arrival: Arrival) -> Outcome:
    return refuse(arrival, Reason.TOO_LARGE)


class Small(beam.PTransform):
    def expand(self, arrivals: PCollection) -> Branches:
        return branch(arrivals, small)


def test_outcome_takes_the_second_way_out() -> None:
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        going_on, ended = pipeline | beam.Create([SMALL, LARGE]) | Small()
        assert_that(going_on, equal_to([SMALL]), "going on")
        assert_that(ended, equal_to([refused(LARGE)]), "ended")


def test_everything_ends_in_an_outcome() -> None:
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        ended = finish(pipeline | beam.Create([SMALL, LARGE]), refused)
        assert_that(ended, equal_to([refused(SMALL), refused(LARGE)]))


def test_annotation_of_both_ways_does_not_make_beam_complain(caplog: pytest.LogCaptureFixture) -> None:
    _ = beam.Pipeline(runner="FnApiRunner") | beam.Create([SMALL]) | Small()
    assert "type hint" not in caplog.text
