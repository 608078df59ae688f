"""End what has reached the folder of a consumer."""

from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.outcome import Ending, Outcome, end
from winnowry.schemas.reasons import Reason
from winnowry.transforms.branch import finish


def deliver(arrival: Arrival) -> Outcome:
    """Return the Outcome `delivered` of an Arrival whose file is in its place, or whose operation was done."""
    return end(arrival, Ending.DELIVERED, Reason.DONE if arrival.post.file_op is None else Reason.OPERATION_DONE)


@dataclass(kw_only=True)
class Deliver(beam.PTransform):
    """Apply ``deliver`` to Arrivals.

    >>> Deliver().default_label()
    'Deliver'
    """

    def expand(self, arrivals: PCollection) -> PCollection:
        """Return Outcomes."""
        return finish(arrivals, deliver)
