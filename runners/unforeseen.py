"""The one place where an unforeseen error becomes the Outcome of the Delivery that it befell.

On `direct` it ends a round, which is run again in halves; on Flink it would end a bundle and set the whole job back, again and
again, so that there it is caught around each step.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from msgspec.structs import replace

from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Transient
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.branch import Twin

log = structlog.get_logger(__name__)

DETAIL_LIMIT = 400
"""Characters of a traceback that a dead letter keeps: the last, which name the exception."""

TROUBLE_DELAY = 10.0
"""Seconds until a Delivery is tried again whose round or step met a full disk or a lost broker."""

T = TypeVar("T")


def attempt(work: Callable[[], T], otherwise: Callable[[Exception], T]) -> T:
    """Return what ``work`` returns, or what ``otherwise`` makes of the error that it raised."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - the one place where an unforeseen error becomes a dead letter
        return otherwise(error)


@dataclass(frozen=True)
class Guarded:
    """A step of a pipeline, applied so that it never raises: what it raises becomes the Outcome of what it was given."""

    twin: Twin

    def __call__(self, element: Any) -> Any:
        """Return what the step returns, or the Outcome `failed: bug`; `retried` for a full disk or a lost broker."""
        return attempt(
            lambda: self.twin(element),
            lambda error: culprit(element if isinstance(element, Delivery) else element.delivery, error),
        )


def culprit(delivery: Delivery, error: Exception) -> Outcome:
    """Return how a Delivery ends that raised this: `failed: bug`, or to be tried again when disk or broker was in trouble."""
    trouble = _trouble_in(error)
    if trouble is None:
        log.error("a Delivery made the pump raise", exc_info=error)
        return bug(delivery, "".join(traceback.format_exception(error)))
    log.error("a round broke off; it is tried again", trouble=str(trouble), seconds=TROUBLE_DELAY)
    retried = Outcome(ending=Ending.RETRIED, reason=trouble.reason, delivery=delivery, detail=trouble.detail)
    return replace(retried, delay=TROUBLE_DELAY)


def bug(delivery: Delivery, detail: str) -> Outcome:
    """Return the end of a Delivery that a bug of ours befell."""
    return Outcome(ending=Ending.FAILED, reason=Reason.BUG, delivery=delivery, detail=detail[-DETAIL_LIMIT:])


def _trouble_in(error: BaseException | None) -> Transient | None:
    """Return the trouble that a step raised; Beam raises another error in its place, since it cannot copy it."""
    while error is not None and not isinstance(error, Transient):
        error = error.__context__
    return error
