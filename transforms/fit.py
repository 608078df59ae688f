"""End what could not be announced, before anything is done for it."""

from dataclasses import dataclass
from functools import partial

import apache_beam as beam
from apache_beam.pvalue import PCollection

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.branches import Branches
from winnowry.schemas.delivery import BODY_LIMIT
from winnowry.schemas.outcome import Ending, Outcome, end
from winnowry.schemas.reasons import Reason
from winnowry.transforms.branch import branch
from winnowry.transforms.encode import encode
from winnowry.transforms.route import Routes

SHORT = BODY_LIMIT // 16
"""Bodies in v03 (JSON, in which headers play no part) of so many bytes stay below the limit however they are written anew."""

MARGIN = 512
"""Bytes that fetching may add to an announcement: a size and a checksum that the Post did not give."""


def fit(arrival: Arrival, routes: Routes, base_url: str = "") -> Arrival | Outcome:
    """Let through what ``Encode`` can announce later on, whatever is fetched; the rest ends here as it would end there."""
    body = arrival.delivery.body
    if len(body) < SHORT and body.startswith(b"{"):
        return arrival
    outcome = encode(arrival, routes, base_url)
    if not outcome.announcements:
        return outcome
    size = len(outcome.announcements[0].body) + (MARGIN if base_url else 0)
    if size > BODY_LIMIT:
        return end(arrival, Ending.MALFORMED, Reason.BODY_TOO_LARGE, f"announced anew it might have {size} bytes")
    return arrival


@dataclass(kw_only=True)
class Fit(beam.PTransform):
    """Apply ``fit`` to Arrivals.

    >>> from winnowry.schemas.edge import OutputEdge
    >>> Fit(routes=Routes(public=OutputEdge(exchange="xpublic"))).base_url
    ''
    """

    routes: Routes
    base_url: str = ""

    def expand(self, arrivals: PCollection) -> Branches:
        """Return the Arrivals that can be announced, and the Outcomes of the others."""
        return branch(arrivals, partial(fit, routes=self.routes, base_url=self.base_url))
