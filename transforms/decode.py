"""Read what the broker delivered: a Delivery becomes an Arrival, or ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
from apache_beam.pvalue import PCollection
from msgspec.structs import replace

from winnowry.schemas.arrival import Arrival, identify
from winnowry.schemas.branches import Branches
from winnowry.schemas.delivery import BODY_LIMIT, Delivery
from winnowry.schemas.edge import InputEdge
from winnowry.schemas.errors import Malformed
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.wire import read
from winnowry.transforms.branch import branch


def decode(delivery: Delivery, edges: Mapping[str, InputEdge], reports: bool = False) -> Arrival | Outcome:
    """Return the Arrival of a Post; what is no Post ends as `malformed`, a Report as `refused` unless ``reports`` are wanted.

    ``edges`` are found by the name of their queue. What came off another is refused: later queues outlive a change of settings.
    """
    if len(delivery.body) > BODY_LIMIT:
        return _end(delivery, Ending.MALFORMED, Reason.BODY_TOO_LARGE, f"more than {BODY_LIMIT} bytes")
    edge = edges.get(delivery.queue)
    if edge is None:
        return _end(delivery, Ending.REFUSED, Reason.QUEUE_NOT_READ, f"this pump reads {delivery.queue} no more")
    try:
        said = read(delivery)
    except Malformed as error:
        return _end(delivery, Ending.MALFORMED, error.reason, error.detail)
    if isinstance(said, Post):
        return Arrival(post=said, edge=edge, identity=identify(delivery), delivery=delivery)
    if not reports or said.post is None:
        return _end(delivery, Ending.REFUSED, Reason.UNEXPECTED_REPORT)
    report = replace(said, post=None)
    return Arrival(post=said.post, edge=edge, identity=identify(delivery), delivery=delivery, report=report)


def _end(delivery: Delivery, ending: Ending, reason: Reason, detail: str = "") -> Outcome:
    return Outcome(ending=ending, reason=reason, delivery=delivery, detail=detail)


@dataclass(kw_only=True)
class Decode(beam.PTransform):
    """Apply ``decode`` to Deliveries.

    >>> Decode(inputs=(InputEdge(kind="internal", queue="q", exchange="xwinnow"),)).inputs[0].name
    'xwinnow'
    """

    inputs: tuple[InputEdge, ...]
    reports: bool = False

    def expand(self, deliveries: PCollection) -> Branches:
        """Return Arrivals, and the Outcomes of what is no Post, or a Report that nobody wants."""
        edges = {edge.queue: edge for edge in self.inputs}
        return branch(deliveries, partial(decode, edges=edges, reports=self.reports))
