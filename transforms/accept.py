"""Select the Posts that a pump is there for, by the patterns of its users."""

from dataclasses import dataclass, field
from functools import partial

import apache_beam as beam
from apache_beam.pvalue import PCollection

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.branches import Branches
from winnowry.schemas.outcome import Outcome, refuse
from winnowry.schemas.reasons import Reason
from winnowry.transforms.branch import branch
from winnowry.transforms.filters import Filters


def accept(arrival: Arrival, filters: Filters) -> Arrival | Outcome:
    """Let through what the filters select; the rest ends as `refused: not_selected`."""
    if filters.select(arrival.post):
        return arrival
    return refuse(arrival, Reason.NOT_SELECTED)


@dataclass(kw_only=True)
class Accept(beam.PTransform):
    """Apply ``accept`` to Arrivals.

    >>> Accept(filters=Filters(accept=("**/*.bufr",), reject=("**/.*",))).filters.accept
    ('**/*.bufr',)
    """

    filters: Filters = field(default_factory=Filters)

    def expand(self, arrivals: PCollection) -> Branches:
        """Return the selected Arrivals, and the Outcomes of the others."""
        return branch(arrivals, partial(accept, filters=self.filters))
