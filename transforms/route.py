"""Decide which exchange a Post leaves by."""

from dataclasses import dataclass
from functools import partial

import apache_beam as beam
from apache_beam.pvalue import PCollection

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.branches import Branches
from winnowry.schemas.edge import OutputEdge
from winnowry.schemas.errors import ConfigError, Refused
from winnowry.schemas.outcome import Outcome, refuse
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.transforms.branch import branch

EVERYONE = "ALL"
"""What a Post says in ``to_clusters`` when any cluster may have it."""


@dataclass(frozen=True, kw_only=True)
class Routes:
    """The ways out of a pump. ``reaches`` are the clusters it passes Posts on for; none given means any.

    Raises ConfigError where there is no way out at all.
    """

    public: OutputEdge | None = None
    private: OutputEdge | None = None
    reaches: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.public is None and self.private is None:
            raise ConfigError("to: name a public exchange, a private one, or both")

    def edge_for(self, post: Post) -> OutputEdge:
        """Return the edge by which this Post leaves. Raises Refused.

        A Post without ``to_clusters``, as many posters leave it, is for whoever reads it.

        >>> routes = Routes(public=OutputEdge(exchange="xpublic", unheard=True), reaches=("dd.example.org",))
        >>> post = Post(pub_time="20260101T000000.0", base_url="file:", rel_path="a", to_clusters="x.example,dd.example.org")
        >>> routes.edge_for(post).exchange
        'xpublic'
        """
        if self.reaches and post.to_clusters is not None and not self._reached(post.to_clusters):
            raise Refused(Reason.NO_DESTINATION, f"none of {post.to_clusters[:200]!r} is reached from here")
        edge = self.private if post.private else self.public
        if edge is None and post.private:
            raise Refused(Reason.PRIVATE_WITHOUT_EDGE)
        if edge is None:
            raise Refused(Reason.NO_DESTINATION, "this pump announces nothing to the public")
        return edge

    def _reached(self, to_clusters: str) -> bool:
        if to_clusters == EVERYONE:
            return True
        wanted = {name.strip() for name in to_clusters.split(",")}
        return EVERYONE in wanted or not wanted.isdisjoint(self.reaches)


def route(arrival: Arrival, routes: Routes) -> Arrival | Outcome:
    """Let through what has a way out; the rest ends as `refused`, before anything is fetched for nobody."""
    try:
        routes.edge_for(arrival.post)
    except Refused as error:
        return refuse(arrival, error.reason, error.detail)
    return arrival


@dataclass(kw_only=True)
class Route(beam.PTransform):
    """Apply ``route`` to Arrivals.

    >>> Route(routes=Routes(public=OutputEdge(exchange="xpublic"))).routes.public.exchange
    'xpublic'
    """

    routes: Routes

    def expand(self, arrivals: PCollection) -> Branches:
        """Return the Arrivals that have a way out, and the Outcomes of the others."""
        return branch(arrivals, partial(route, routes=self.routes))
