"""End what Arrivals have reserved, when what became of them is confirmed."""

from collections.abc import Callable, Iterable, Mapping

from winnowry.io.memory import Memory
from winnowry.schemas.arrival import Claim
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.history import History
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.winnow import note, remember

KEEPING = frozenset({Ending.ANNOUNCED, Ending.DELIVERED, Ending.REPEAT})
"""Endings whose claim is committed; any other releases it."""

UNCLEAR = frozenset({Ending.FAILED, Ending.RETRIED})
"""Endings of a Delivery whose Arrival is not known because a step raised."""


def _never(_: Delivery) -> bool:
    return False


def close_claims(memory: Memory, outcomes: Iterable[Outcome], has_waited: Callable[[Delivery], bool] = _never) -> list[bytes]:
    """Commit the claims of what ended well and release the others, with one sync; return the holds of who waited for them.

    ``has_waited`` tells whether a Delivery was parked before: it may have reserved its path then, and have been refused since.
    No two of these claims have the same path: each Arrival has reserved its own.
    """
    kept: dict[bytes, History] = {}
    departures: list[Claim] = []
    released: list[bytes] = []
    lost: list[bytes] = []
    for outcome in outcomes:
        claim = outcome.arrival.claim if outcome.arrival is not None else None
        if claim is None:
            if _may_hold(outcome) or has_waited(outcome.delivery):
                lost.append(outcome.delivery.hold)
        elif outcome.ending in KEEPING:
            kept[claim.path] = remember(memory.recall(claim.path), claim, news=outcome.ending is not Ending.REPEAT)
            if claim.departure is not None:
                departures.append(claim.departure)
        else:
            released.append(claim.path)
    woken: list[bytes] = []  # what can fail comes first: after a full disk this is called again, and wakes nobody twice
    if kept:
        woken += memory.commit(kept, _histories_of(departures, kept, memory))
    if released:
        woken += memory.release(released)
    for hold in lost:
        woken += memory.abandon(hold)
    return woken


def _may_hold(outcome: Outcome) -> bool:
    """Whether a Delivery that ended without its Arrival may have reserved something: a step raised, or lost it."""
    return outcome.arrival is None and outcome.ending in UNCLEAR and outcome.reason is not Reason.WAITING


def _histories_of(departures: Iterable[Claim], kept: Mapping[bytes, History], memory: Memory) -> dict[bytes, History]:
    """Return the histories of paths that files were renamed away from.

    A best effort: nobody has reserved these paths, and whoever is underway there may just have been judged without it.
    """
    histories: dict[bytes, History] = {}
    for claim in departures:
        history = note(histories.get(claim.path) or kept.get(claim.path) or memory.recall(claim.path), claim)
        if history is not None:
            histories[claim.path] = history
    return histories
