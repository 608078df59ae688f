"""Decide where a file lands under the data root."""

from dataclasses import dataclass, field
from functools import partial

import apache_beam as beam
import msgspec
from apache_beam.pvalue import PCollection

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.branches import Branches
from winnowry.schemas.errors import Refused
from winnowry.schemas.outcome import Outcome, refuse
from winnowry.schemas.paths import check_link, check_place
from winnowry.transforms.branch import branch
from winnowry.transforms.layout import Layout


def locate(arrival: Arrival, layout: Layout) -> Arrival | Outcome:
    """Return the Arrival with its place set; `refused` where nothing may be put, or a link would lead out.

    A link may not leave its source's part of the data root either: it would show what others may not read.
    """
    try:
        place = check_place(layout.place(arrival.post))
        operation = arrival.post.operation
        if operation is not None and operation.kind == "link":
            check_link(place, operation.target)
            check_link(layout.shaped(arrival.post), operation.target)
    except Refused as error:
        return refuse(arrival, error.reason, error.detail)
    return msgspec.structs.replace(arrival, place=place)


@dataclass(kw_only=True)
class Locate(beam.PTransform):
    """Apply ``locate`` to Arrivals.

    >>> Locate(layout=Layout(template="{source}/{rel_path}")).layout.separates_sources
    True
    """

    layout: Layout = field(default_factory=Layout)

    def expand(self, arrivals: PCollection) -> Branches:
        """Return Arrivals that have a place, and the Outcomes of those that can have none."""
        return branch(arrivals, partial(locate, layout=self.layout))
