"""Apply a PTransform to a list, through Beam."""

from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection
from apache_beam.testing.util import assert_that, equal_to


def check_branches(
    transform: beam.PTransform, elements: Sequence[Any], *, going_on: Sequence[Any], ended: Sequence[Any]
) -> None:
    """Assert what a verb lets through and what it ends."""
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        branches = pipeline | beam.Create(elements) | transform
        assert_that(branches.going_on, equal_to(going_on), "going on")
        assert_that(branches.ended, equal_to(ended), "ended")


def check_outcomes(transform: beam.PTransform, elements: Sequence[Any], outcomes: Sequence[Any]) -> None:
    """Assert what a verb that ends everything returns."""
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        ended: PCollection = pipeline | beam.Create(elements) | transform
        assert_that(ended, equal_to(outcomes))
