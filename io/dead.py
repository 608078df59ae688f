"""Dead letters: what ended badly, kept in a queue of its own until an operator resubmits or drops it.

A letter is the message as it first came, with headers that say what became of it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from winnowry.io.broker import Queue
from winnowry.io.later import BOOKKEEPING, postpone, without_bookkeeping
from winnowry.schemas.arrival import identify
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

_DETAIL_LIMIT = 500
_EXCHANGE = BOOKKEEPING + "exchange"
_KEY = BOOKKEEPING + "routing_key"
_QUEUE = BOOKKEEPING + "queue"
_ENDING = BOOKKEEPING + "ending"
_REASON = BOOKKEEPING + "reason"
_DETAIL = BOOKKEEPING + "detail"
_ATTEMPTS = BOOKKEEPING + "attempts"
_WHEN = BOOKKEEPING + "when"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One message that ended badly, and how. ``when`` is in Unix nanoseconds; ``message`` is the Delivery as it first came.

    ``name`` tells this letter from the others of its queue: the beginning of the message's identity.
    """

    name: str
    ending: str
    reason: str
    detail: str
    attempts: int
    when: int
    message: Delivery


def dead_queue(account: str, pump: str, kind: str = "classic") -> Queue:
    """Return the queue that holds the dead letters of a pump.

    >>> dead_queue("feeder", "ingest").name
    'q_feeder.ingest.dead'
    """
    return Queue(name=f"q_{account}.{pump}.dead", kind=kind)


def bury(outcome: Outcome, now: int, *, account: str, pump: str) -> Message:
    """Return the dead letter of an Outcome; ``now`` is in Unix nanoseconds. It is confirmed before the Delivery is settled."""
    delivery = outcome.delivery
    bookkeeping = {
        _EXCHANGE: delivery.exchange,
        _KEY: delivery.routing_key,
        _QUEUE: delivery.queue,
        _ENDING: outcome.ending.value,
        _REASON: outcome.reason.code,
        _DETAIL: cut(outcome.detail),
        _ATTEMPTS: delivery.attempt,
        _WHEN: now,
    }
    return Message(
        body=delivery.body,
        exchange="",
        routing_key=dead_queue(account, pump).name,
        content_type=delivery.content_type or "",
        headers={**without_bookkeeping(delivery.headers), **bookkeeping},
        mandatory=True,
    )


def read_letter(delivery: Delivery) -> DeadLetter:
    """Read what came off a dead-letter queue; whatever it does not say is empty, or `failed` and `bug`."""
    book = delivery.headers
    message = replace(
        delivery,
        exchange=_text(book, _EXCHANGE) or delivery.exchange,
        routing_key=_text(book, _KEY) or delivery.routing_key,
        queue=_text(book, _QUEUE) or delivery.queue,
        content_type=delivery.content_type or None,
        headers=without_bookkeeping(book),
        held_by=delivery.queue,
    )
    return DeadLetter(
        name=identify(message).hex()[:12],
        ending=_text(book, _ENDING) or Ending.FAILED.value,
        reason=_text(book, _REASON) or Reason.BUG.code,
        detail=_text(book, _DETAIL),
        attempts=_number(book, _ATTEMPTS),
        when=_number(book, _WHEN),
        message=message,
    )


def resubmission(letter: DeadLetter, now: int, *, account: str, pump: str) -> Message:
    """Return the copy that lets the pump try a dead letter again, from its first attempt, through its shortest later queue."""
    fresh = replace(letter.message, attempt=0)
    return postpone(fresh, 0.0, Reason.of(letter.reason), now, account=account, pump=pump)


def cut(detail: str) -> str:
    """Return at most 500 bytes of a detail, cut between characters.

    >>> len(cut("é" * 400).encode())
    500
    """
    return detail.encode(errors="replace")[:_DETAIL_LIMIT].decode(errors="ignore")


def _text(book: Mapping[str, Any], name: str) -> str:
    value = book.get(name)
    return value if isinstance(value, str) else ""


def _number(book: Mapping[str, Any], name: str) -> int:
    value = book.get(name)
    return int(value) if isinstance(value, int) else 0
