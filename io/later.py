"""Later queues: where a pump keeps what it will try again, on the broker, without time-to-live or dead-lettering.

A later queue is an ordinary durable queue per pump and delay. Its pump consumes it and holds each head until that is due.
What is to be known of a message then travels in bookkeeping headers; they are believed on Deliveries from our own later queues
(`restore`), taken off all others (`strip`), and never sent onward.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from winnowry.io.broker import Queue
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.reasons import Reason

DELAYS = (1, 10, 60, 600)
"""Seconds, one queue each. A longer wait is repeated hops through the last."""

BOOKKEEPING = "winnowry_"
"""What the names of our own headers begin with."""

_EXCHANGE = BOOKKEEPING + "exchange"
_KEY = BOOKKEEPING + "routing_key"
_QUEUE = BOOKKEEPING + "queue"
_ATTEMPT = BOOKKEEPING + "attempt"
_REASON = BOOKKEEPING + "reason"
_DUE = BOOKKEEPING + "due"
_HOP = BOOKKEEPING + "hop"
WAITING = frozenset({Reason.TWIN_ELSEWHERE, Reason.TWIN_UNDERWAY, Reason.TRANSFER_UNDERWAY})
"""Reasons that make an Arrival wait without having been tried."""


def later_queue(account: str, pump: str, delay: int) -> str:
    """Return the name of one later queue.

    >>> later_queue("feeder", "ingest", 10)
    'q_feeder.ingest.later.10'
    """
    return f"q_{account}.{pump}.later.{delay}"


def later_topology(account: str, pump: str, kind: str = "classic") -> tuple[Queue, ...]:
    """Return the later queues of a pump, to be declared and consumed."""
    return tuple(Queue(name=later_queue(account, pump, delay), kind=kind) for delay in DELAYS)


def postpone(delivery: Delivery, delay: float, reason: Reason, now: int, *, account: str, pump: str) -> Message:
    """Return the copy of ``delivery`` that comes back in ``delay`` seconds, counted from ``now`` in Unix nanoseconds.

    It is published to the default exchange and confirmed before the Delivery is settled. Waiting for something else, such as a
    twin, does not count as an attempt.
    """
    due = now + int(delay * 1e9)
    rung = next((rung for rung in DELAYS if rung >= delay), DELAYS[-1])
    bookkeeping = {
        _EXCHANGE: delivery.exchange,
        _KEY: delivery.routing_key,
        _QUEUE: delivery.queue,
        _ATTEMPT: delivery.attempt + (reason not in WAITING),
        _REASON: reason.code,
        _DUE: due,
        _HOP: min(due, now + rung * 1_000_000_000),
    }
    return _copy(delivery, bookkeeping, later_queue(account, pump, rung))


def restore(delivery: Delivery) -> tuple[Delivery, int]:
    """Return what came off one of our later queues as it first came, and when its wait there ends, in Unix nanoseconds.

    It stays held by the later queue's consumer (``held_by``). A message that is not one of our copies is due at once.
    """
    book = delivery.headers
    restored = replace(
        delivery,
        exchange=_text(book.get(_EXCHANGE), delivery.exchange),
        routing_key=_text(book.get(_KEY), delivery.routing_key),
        queue=_text(book.get(_QUEUE), delivery.queue),
        attempt=max(1, _number(book.get(_ATTEMPT), 1)),
        headers=without_bookkeeping(book),
        content_type=delivery.content_type or None,
        held_by=delivery.queue,
    )
    return restored, _number(book.get(_HOP), 0)


def onward(delivery: Delivery) -> Message | None:
    """Return the copy for the next hop of what came off a later queue, to be published when its wait there ends.

    None when that wait was the last.
    """
    hop, due = _number(delivery.headers.get(_HOP), 0), _number(delivery.headers.get(_DUE), 0)
    if due <= hop:
        return None
    bookkeeping = {name: value for name, value in delivery.headers.items() if name.startswith(BOOKKEEPING)}
    bookkeeping[_HOP] = min(due, hop + DELAYS[-1] * 1_000_000_000)
    return _copy(delivery, bookkeeping, delivery.queue)


def strip(delivery: Delivery) -> Delivery:
    """Return a Delivery from any other queue without headers that look like our bookkeeping.

    >>> strip(Delivery(body=b"", queue="q", exchange="xs_alice", headers={"winnowry_attempt": 9, "sum": "d,0"})).headers
    {'sum': 'd,0'}
    """
    for name in delivery.headers:
        if name.startswith(BOOKKEEPING):
            return replace(delivery, headers=without_bookkeeping(delivery.headers))
    return delivery


def without_bookkeeping(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the headers that are not ours."""
    return {name: value for name, value in headers.items() if not name.startswith(BOOKKEEPING)}


def _copy(delivery: Delivery, bookkeeping: Mapping[str, Any], queue: str) -> Message:
    return Message(
        body=delivery.body,
        exchange="",
        routing_key=queue,
        content_type=delivery.content_type or "",
        headers={**without_bookkeeping(delivery.headers), **bookkeeping},
        mandatory=True,
    )


def _text(value: Any, otherwise: str) -> str:
    return value if isinstance(value, str) else otherwise


def _number(value: Any, otherwise: int) -> int:
    return int(value) if isinstance(value, int) else otherwise
