"""Our own headers, by which later queues and dead letters know what a message was when it first came.

They are believed on Deliveries from queues of ours alone, taken off all others, and never sent onward. No PTransform: the
engine keeps the books.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from winnowry.schemas.delivery import Delivery, Message

PREFIX = "winnowry_"
"""What the names of our own headers begin with."""

EXCHANGE = PREFIX + "exchange"
KEY = PREFIX + "routing_key"
QUEUE = PREFIX + "queue"
REASON = PREFIX + "reason"


COUNTS = frozenset({"x-delivery-count", "x-acquired-count"})
"""The broker's own book: quorum queues add these, and change them each time they deliver. They are no part of what was sent."""

COPIES = frozenset({"CC", "BCC"})
"""Further routing keys, which RabbitMQ obeys (it calls that sender-selected distribution). A copy for a queue of ours has the
announcer's headers: it would go into whatever queue the announcer names, too."""


def is_bookkeeping(name: str) -> bool:
    """Whether a header of this name is ours, or between the broker and who publishes, and says nothing of the message."""
    return name.startswith(PREFIX) or name in COUNTS or name in COPIES


def without_bookkeeping(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the headers that are the announcer's.

    >>> without_bookkeeping({"winnowry_attempt": 9, "sum": "d,0", "x-delivery-count": 1, "x-acquired-count": 2, "CC": ["q"]})
    {'sum': 'd,0'}
    """
    return {name: value for name, value in headers.items() if not is_bookkeeping(name)}


def first_coming(delivery: Delivery) -> dict[str, Any]:
    """Return the headers that tell where a message came from at first."""
    return {EXCHANGE: delivery.exchange, KEY: delivery.routing_key, QUEUE: delivery.queue}


def as_it_first_came(delivery: Delivery) -> Delivery:
    """Return what came off a queue of ours as it was at first, held by that queue's consumer (``held_by``)."""
    book = delivery.headers
    return replace(
        delivery,
        exchange=text(book, EXCHANGE, delivery.exchange),
        routing_key=text(book, KEY, delivery.routing_key),
        queue=text(book, QUEUE, delivery.queue),
        headers=without_bookkeeping(book),
        content_type=delivery.content_type or None,
        held_by=delivery.queue,
    )


def copy_for(queue: str, delivery: Delivery, book: Mapping[str, Any]) -> Message:
    """Return the copy of a message for a queue of ours, through the default exchange, with ``book`` among its headers."""
    return Message(
        body=delivery.body,
        exchange="",
        routing_key=queue,
        content_type=delivery.content_type or "",
        headers={**without_bookkeeping(delivery.headers), **book},
        mandatory=True,
    )


def text(book: Mapping[str, Any], name: str, otherwise: str = "") -> str:
    """Return a header that is text; ``otherwise`` where it is missing or is none."""
    value = book.get(name)
    return value if isinstance(value, str) else otherwise


def number(book: Mapping[str, Any], name: str, otherwise: int = 0) -> int:
    """Return a header that is a number; ``otherwise`` where it is missing or is none."""
    value = book.get(name)
    return int(value) if isinstance(value, int) else otherwise
