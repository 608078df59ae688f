"""What a pump writes about an Outcome besides its announcements: copies for later, dead letters, Reports."""

import socket
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from winnowry.io.dead import bury
from winnowry.io.later import postpone
from winnowry.io.later_store import LaterStore
from winnowry.pipelines.pump import Pump
from winnowry.schemas.delivery import Message
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.report import report_of

REPORTING_EACH = frozenset({"sarra", "subscribe"})
"""Kinds of pumps that report every ending; the others report only what went wrong."""

WENT_WRONG = frozenset({Ending.REFUSED, Ending.MALFORMED, Ending.FAILED, Ending.QUARANTINED})

BURIED = frozenset({Ending.MALFORMED, Ending.FAILED, Ending.QUARANTINED})
"""Endings that leave a dead letter."""

ROUTINE = frozenset(
    {Reason.NOT_SELECTED, Reason.SUPERSEDED, Reason.FROM_OURSELVES, Reason.NO_DESTINATION, Reason.UNEXPECTED_REPORT}
)
"""Reasons why a pump leaves alone what it was told to leave alone. Any other refusal is told: by a Report or a dead letter."""


class Desk(Protocol):
    """Writes what an Outcome sends besides its announcements. None: nothing is to be sent, or it is stored for good already."""

    def postpone(self, outcome: Outcome) -> Message | None:
        """Return the copy for a later queue."""

    def bury(self, outcome: Outcome) -> Message | None:
        """Return the dead letter."""

    def report(self, outcome: Outcome) -> Message | None:
        """Return the Report."""


def first_messages(outcome: Outcome, desk: Desk) -> Sequence[Message]:
    """Return what has to be confirmed first of all: the announcements, or a copy for later, or a dead letter, or nothing."""
    if outcome.announcements:
        return outcome.announcements
    if outcome.ending is Ending.RETRIED:
        message = desk.postpone(outcome)
    elif outcome.ending in BURIED or _untold(outcome, desk):
        message = desk.bury(outcome)
    else:
        return ()
    return () if message is None else (message,)


def _untold(outcome: Outcome, desk: Desk) -> bool:
    """Whether this is a refusal that ought to be told, and no Report tells."""
    refused = outcome.ending is Ending.REFUSED and outcome.reason not in ROUTINE
    return refused and desk.report(outcome) is None


class Reporter:
    """Writes Reports, as the account that runs the pump on this host."""

    def __init__(self, pump: Pump, clock: Callable[[], float] = time.time) -> None:
        self._exchange = pump.reports
        self._each = pump.kind in REPORTING_EACH
        self._account = pump.account
        self._host = socket.gethostname()
        self._clock = clock

    def report(self, outcome: Outcome) -> Message | None:
        """Return the Report of an Outcome, None where nobody wants one."""
        if self._exchange is None or not (self._each or outcome.ending in WENT_WRONG):
            return None
        return report_of(outcome, exchange=self._exchange, host=self._host, user=self._account, now=self._clock())


class BrokerDesk(Reporter):
    """Keeps later work and dead letters in queues of our own broker."""

    def __init__(self, pump: Pump, owner: str, clock: Callable[[], float] = time.time) -> None:
        """``owner`` is the account that owns the queues."""
        super().__init__(pump, clock)
        self._pump = pump.name
        self._owner = owner

    def postpone(self, outcome: Outcome) -> Message | None:
        """Return the copy for a later queue."""
        now = int(self._clock() * 1e9)
        return postpone(outcome.delivery, outcome.delay, outcome.reason, now, account=self._owner, pump=self._pump)

    def bury(self, outcome: Outcome) -> Message | None:
        """Return the dead letter."""
        return bury(outcome, int(self._clock() * 1e9), account=self._owner, pump=self._pump)


class StoreDesk(Reporter):
    """Keeps later work and dead letters on our own disk; what is stored has not to be sent."""

    def __init__(self, pump: Pump, store: LaterStore, clock: Callable[[], float] = time.time) -> None:
        super().__init__(pump, clock)
        self._store = store

    def postpone(self, outcome: Outcome) -> Message | None:
        """Store the Delivery until it is due."""
        self._store.postpone([(outcome.delivery, outcome.delay, outcome.reason)], int(self._clock() * 1e9))
        return None

    def bury(self, outcome: Outcome) -> Message | None:
        """Store the dead letter."""
        self._store.bury([outcome], int(self._clock() * 1e9))
        return None
