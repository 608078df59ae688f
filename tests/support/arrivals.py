"""Posts, Deliveries and Arrivals with nothing but what a test is about."""

from typing import Any

import msgspec

from winnowry.schemas.arrival import Arrival, identify
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.edge import InputEdge
from winnowry.schemas.post import Post

NOW = 1767225600.0
"""2026-01-01 00:00:00 UTC, when these Posts were announced."""
USER = InputEdge(kind="user", queue="q_feeder.ingest.alice", exchange="xs_alice", user="alice")
FEEDER = InputEdge(kind="feeder", queue="q_feeder.ingest.dd", exchange="xpublic", user="dd")
INTERNAL = InputEdge(kind="internal", queue="q_feeder.fuse", exchange="xwinnow")


def a_post(**fields: Any) -> Post:
    plain = Post(pub_time="20260101T000000.0", base_url="https://example.org/", rel_path="a/b.bufr")
    return msgspec.structs.replace(plain, **fields)


def a_delivery(edge: InputEdge = USER, **fields: Any) -> Delivery:
    plain = Delivery(body=b"{}", queue=edge.queue, exchange=edge.exchange, content_type="application/json", tag=1)
    return msgspec.structs.replace(plain, **fields)


def an_arrival(edge: InputEdge = USER, delivery: Delivery | None = None, place: str = "", **fields: Any) -> Arrival:
    """Return an Arrival; ``fields`` are those of its Post."""
    delivery = delivery or a_delivery(edge)
    return Arrival(post=a_post(**fields), edge=edge, identity=identify(delivery), delivery=delivery, place=place)
