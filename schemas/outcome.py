"""What became of an Arrival."""

from enum import StrEnum

import msgspec

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.reasons import Reason


class Ending(StrEnum):
    """The nine words for what became of an Arrival; the last two are not over yet."""

    ANNOUNCED = "announced"
    DELIVERED = "delivered"
    REPEAT = "repeat"
    REFUSED = "refused"
    MALFORMED = "malformed"
    QUARANTINED = "quarantined"
    FAILED = "failed"
    PARKED = "parked"
    RETRIED = "retried"

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self not in (Ending.PARKED, Ending.RETRIED)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one Delivery, why, and what is still to be done for it.

    ``arrival`` is None when the message could not be read. ``announcements`` are to be published and confirmed before the
    claim is committed. ``delay`` is for `retried`: seconds until the next attempt.
    """

    ending: Ending
    reason: Reason
    delivery: Delivery
    arrival: Arrival | None = None
    detail: str = ""
    announcements: tuple[Message, ...] = ()
    delay: float = 0.0


def end(arrival: Arrival, ending: Ending, reason: Reason, detail: str = "") -> Outcome:
    """Return the Outcome of this Arrival."""
    return Outcome(ending=ending, reason=reason, delivery=arrival.delivery, arrival=arrival, detail=detail)


def refuse(arrival: Arrival, reason: Reason, detail: str = "") -> Outcome:
    """Return the Outcome `refused`."""
    return end(arrival, Ending.REFUSED, reason, detail)
