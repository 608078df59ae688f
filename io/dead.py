"""Dead letters: what ended badly, kept in a queue of its own until an operator resubmits or drops it.

A letter is the message as it first came, with headers that say what became of it.
"""

import msgspec
from msgspec.structs import replace

from winnowry.io.bookkeeping import PREFIX, REASON, as_it_first_came, copy_for, first_coming, number, text
from winnowry.io.broker import Queue
from winnowry.io.later import postpone
from winnowry.schemas.arrival import identify
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

_DETAIL_LIMIT = 500
_ENDING = PREFIX + "ending"
_DETAIL = PREFIX + "detail"
_ATTEMPTS = PREFIX + "attempts"
_WHEN = PREFIX + "when"


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
    book = first_coming(outcome.delivery) | {
        _ENDING: outcome.ending.value,
        REASON: outcome.reason.code,
        _DETAIL: cut(outcome.detail),
        _ATTEMPTS: outcome.delivery.attempt,
        _WHEN: now,
    }
    return copy_for(dead_queue(account, pump).name, outcome.delivery, book)


def read_letter(delivery: Delivery) -> DeadLetter:
    """Read what came off a dead-letter queue; whatever it does not say is empty, or `failed` and `bug`."""
    book, message = delivery.headers, as_it_first_came(delivery)
    return DeadLetter(
        name=identify(message).hex()[:12],
        ending=text(book, _ENDING) or Ending.FAILED.value,
        reason=text(book, REASON) or Reason.BUG.code,
        detail=text(book, _DETAIL),
        attempts=number(book, _ATTEMPTS),
        when=number(book, _WHEN),
        message=message,
    )


def resubmission(letter: DeadLetter, now: int, *, account: str, pump: str) -> Message:
    """Return the copy that lets the pump try a dead letter again, from its first attempt, through its shortest later queue."""
    fresh = replace(letter.message, attempt=0)
    return postpone(fresh, 0.0, Reason.WAITING, now, account=account, pump=pump)


def cut(detail: str) -> str:
    """Return at most 500 bytes of a detail, cut between characters.

    >>> len(cut("é" * 400).encode())
    500
    """
    return detail.encode(errors="replace")[:_DETAIL_LIMIT].decode(errors="ignore")
