"""Select the Posts that a pump is there for, by the patterns of its users."""

from dataclasses import dataclass, field
from functools import partial

import apache_beam as beam
from apache_beam.pvalue import PCollection

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.branches import Branches
from winnowry.schemas.errors import Refused
from winnowry.schemas.outcome import Outcome, refuse
from winnowry.schemas.paths import COMPONENT_LIMIT, check_characters, check_path
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.transforms.branch import branch
from winnowry.transforms.filters import Filters


def accept(arrival: Arrival, filters: Filters) -> Arrival | Outcome:
    """Let through what the filters select; the rest ends as `refused: not_selected`.

    A path or URL that no file can have is asked of no pattern, which could take for ever, and is refused for that.
    """
    try:
        _check_length(arrival.post)
    except Refused as error:
        return refuse(arrival, error.reason, error.detail)
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


def _check_length(post: Post) -> None:
    if len(post.rel_path) > COMPONENT_LIMIT:
        check_path(post.rel_path)
    if len(post.base_url) > COMPONENT_LIMIT:
        check_characters(post.base_url)
