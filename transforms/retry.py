"""Decide whether what went wrong is tried again, and when."""

import msgspec

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.errors import Malformed, Refused, Terminal, Transient
from winnowry.schemas.outcome import Ending, Outcome, end
from winnowry.transforms.patience import Patience


def retry(arrival: Arrival, error: Transient | Terminal, patience: Patience) -> Outcome:
    """Return the Outcome of an Arrival that met this error: `retried` after a delay, or its end.

    A reason that deserves few attempts ends sooner than the patience of the pump.
    """
    limit = min(patience.attempts, error.reason.patience or patience.attempts)
    if isinstance(error, Terminal) or arrival.attempt >= limit:
        return end(arrival, _ending(error), error.reason, error.detail)
    delay = patience.delay(arrival.attempt)
    return msgspec.structs.replace(end(arrival, Ending.RETRIED, error.reason, error.detail), delay=delay)


def _ending(error: Transient | Terminal) -> Ending:
    if isinstance(error, Malformed):
        return Ending.MALFORMED
    return Ending.REFUSED if isinstance(error, Refused) else Ending.FAILED
