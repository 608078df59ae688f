"""Announce what this pump has: an Arrival ends with the message that tells of it."""

import re
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import msgspec
from apache_beam.pvalue import PCollection

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.delivery import BODY_LIMIT, Message
from winnowry.schemas.edge import OutputEdge
from winnowry.schemas.errors import Refused
from winnowry.schemas.outcome import Ending, Outcome, end, refuse
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.topics import topic_of
from winnowry.schemas.v03 import write_v03
from winnowry.schemas.winnowed import read_winnowed, write_winnowed
from winnowry.schemas.wire import read
from winnowry.transforms.branch import finish
from winnowry.transforms.route import Routes

CONTENT_TYPE = "application/json"
"""Without it sr3 throws a v03 message away."""

_PRIVATE = re.compile(rb'"(?:_|\\u005f|(?:n|\\u006e)(?:e|\\u0065)(?:w|\\u0077)(?:_|\\u005f))', re.IGNORECASE)
"""What the names of fields begin with that are for inside a pump and were left out in reading, also where they are escaped."""


def encode(arrival: Arrival, routes: Routes, base_url: str = "", winnow: str = "") -> Outcome:
    """Return the Outcome `announced`, with its announcement in v03.

    ``base_url`` is where our copy is read from, followed by the Arrival's place; where it is empty this pump has no copy and
    passes the Post on, byte for byte if nothing in it changed. ``winnow`` is the name of the winnow that lets it through here;
    other pumps pass on what the last winnow said. What the next pump would not read ends as `malformed`.
    """
    try:
        edge = routes.edge_for(arrival.post)
    except Refused as error:
        return refuse(arrival, error.reason, error.detail)
    message = _announce(_ours(arrival, base_url), edge) if base_url else _pass_on(arrival, edge)
    if winnowed := _winnowed(arrival, winnow):
        message = msgspec.structs.replace(message, headers=winnowed)
    if len(message.body) > BODY_LIMIT:
        return end(arrival, Ending.MALFORMED, Reason.BODY_TOO_LARGE, f"announced anew it has {len(message.body)} bytes")
    return Outcome(
        ending=Ending.ANNOUNCED,
        reason=Reason.DONE if arrival.post.file_op is None else Reason.OPERATION_DONE,
        delivery=arrival.delivery,
        arrival=arrival,
        announcements=(message,),
    )


@dataclass(kw_only=True)
class Encode(beam.PTransform):
    """Apply ``encode`` to Arrivals.

    >>> Encode(routes=Routes(public=OutputEdge(exchange="xpublic")), base_url="https://dd.example.org/").base_url
    'https://dd.example.org/'
    """

    routes: Routes
    base_url: str = ""
    winnow: str = ""

    def expand(self, arrivals: PCollection) -> PCollection:
        """Return Outcomes."""
        return finish(arrivals, partial(encode, routes=self.routes, base_url=self.base_url, winnow=self.winnow))


def _winnowed(arrival: Arrival, winnow: str) -> dict[str, str]:
    """Return the header that says who let this through; of a user it is not believed."""
    if winnow and arrival.claim is not None:
        return write_winnowed(arrival.claim.news_at, winnow)
    said = read_winnowed(arrival.delivery.headers) if arrival.edge.kind != "user" else None
    return write_winnowed(said.at, said.by) if said is not None else {}


def _ours(arrival: Arrival, base_url: str) -> Post:
    post = arrival.post
    return msgspec.structs.replace(
        post,
        base_url=base_url,
        rel_path=arrival.place or post.rel_path,
        origin_path=post.path_of_origin,
        retrieve_path=None,
        rename=None,
        content=None,
        blocks=None,
        size=arrival.fetched.size if arrival.fetched and post.size is None else post.size,
    )


def _announce(post: Post, edge: OutputEdge) -> Message:
    return Message(
        body=write_v03(post),
        exchange=edge.exchange,
        routing_key=topic_of(post.rel_path),
        content_type=CONTENT_TYPE,
        mandatory=not edge.unheard,
    )


def _pass_on(arrival: Arrival, edge: OutputEdge) -> Message:
    if not _unchanged(arrival):
        return _announce(arrival.post, edge)
    return Message(
        body=arrival.delivery.body,
        exchange=edge.exchange,
        routing_key=arrival.delivery.routing_key,
        content_type=CONTENT_TYPE,
        mandatory=not edge.unheard,
    )


def _unchanged(arrival: Arrival) -> bool:
    """Whether the body that came still says what the Post says; what a user sends is always stamped."""
    delivery = arrival.delivery
    if arrival.edge.kind == "user" or delivery.content_type != CONTENT_TYPE:
        return False
    return arrival.edge.kind == "internal" or (not _PRIVATE.search(delivery.body) and read(delivery) == arrival.post)
