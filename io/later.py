"""Later queues: where a pump keeps what it will try again, on the broker, without time-to-live or dead-lettering.

A later queue is an ordinary durable queue per pump and delay. Its pump consumes it and holds each head until that is due.
What is to be known of a message then travels in bookkeeping headers; they are believed on Deliveries from our own later queues
(`restore`), taken off all others (`strip`), and never sent onward.
"""

from msgspec.structs import replace

from winnowry.io.bookkeeping import (
    PREFIX,
    REASON,
    as_it_first_came,
    copy_for,
    first_coming,
    is_bookkeeping,
    number,
    without_bookkeeping,
)
from winnowry.io.broker import Queue
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.reasons import Reason

DELAYS = (1, 10, 60, 600)
"""Seconds, one queue each. A longer wait is repeated hops through the last."""

_ATTEMPT = PREFIX + "attempt"
_DUE = PREFIX + "due"
_HOP = PREFIX + "hop"

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
    book = first_coming(delivery) | {
        _ATTEMPT: delivery.attempt + (reason not in WAITING),
        REASON: reason.code,
        _DUE: due,
        _HOP: min(due, now + rung * 1_000_000_000),
    }
    return copy_for(later_queue(account, pump, rung), delivery, book)


def restore(delivery: Delivery) -> tuple[Delivery, int]:
    """Return what came off one of our later queues as it first came, and when its wait there ends, in Unix nanoseconds.

    It stays held by the later queue's consumer (``held_by``). A message that is not one of our copies is due at once.
    """
    attempt = max(1, number(delivery.headers, _ATTEMPT, 1))
    return replace(as_it_first_came(delivery), attempt=attempt), number(delivery.headers, _HOP)


def longest_wait(delivery: Delivery) -> int:
    """Return how long anything waits in the later queue that this came off, in nanoseconds.

    >>> longest_wait(Delivery(body=b"", queue="q_feeder.ingest.later.10", exchange=""))
    10000000000
    """
    delay = delivery.queue.rpartition(".")[2]
    return (int(delay) if delay.isdecimal() else DELAYS[-1]) * 1_000_000_000


def onward(delivery: Delivery) -> Message | None:
    """Return the copy for the next hop of what came off a later queue, to be published when its wait there ends.

    None when that wait was the last.
    """
    hop, due = number(delivery.headers, _HOP), number(delivery.headers, _DUE)
    if due <= hop:
        return None
    book = {name: value for name, value in delivery.headers.items() if name.startswith(PREFIX)}
    book[_HOP] = min(due, hop + DELAYS[-1] * 1_000_000_000)
    return copy_for(delivery.queue, delivery, book)


def strip(delivery: Delivery) -> Delivery:
    """Return a Delivery from any other queue without headers that look like our bookkeeping, or are the broker's.

    >>> strip(Delivery(body=b"", queue="q", exchange="xs_alice", headers={"winnowry_attempt": 9, "sum": "d,0"})).headers
    {'sum': 'd,0'}
    """
    for name in delivery.headers:
        if is_bookkeeping(name):
            return replace(delivery, headers=without_bookkeeping(delivery.headers))
    return delivery
