"""What a pump looks for that is a reason to pause: a full disk, a broker in trouble, nobody who listens, too much parked."""

from collections.abc import Callable, Sequence
from pathlib import Path

from winnowry.io.broker import Broker
from winnowry.io.disk import space_at
from winnowry.runners.direct.ledger import Ledger
from winnowry.runners.engines.holds import Cause, Watch
from winnowry.schemas.errors import DiskTrouble

PATIENCE = 5.0
"""Seconds that what was published may be unconfirmed before the pump is held for it."""

MARGIN_LIMIT = 2**30
MARGIN_SHARE = 100
"""Without a setting, a hundredth of the disk is kept free, and at most a gibibyte."""


PARKED_AT_MOST = 10_000
"""Arrivals that may wait for transfers and twins; beyond, the pump is held."""


class DiskWatch:
    """Holds while a disk has less than ``keep_free`` bytes left, with the files that are on their way counted as being there.

    It lifts when a quarter more than that is free. ``keep_free`` None means a hundredth of the disk, at most 1 GiB.
    ``expected`` returns how many bytes of the files on their way have not come yet.
    """

    cause = Cause.DISK

    def __init__(self, folders: Sequence[Path], keep_free: int | None, expected: Callable[[], int]) -> None:
        self._folders = folders
        self._keep_free = keep_free
        self._expected = expected

    def look(self, held: bool) -> str | None:
        """Return which disk is full."""
        expected = self._expected()
        for folder in self._folders:
            try:
                free, size = space_at(folder)
            except DiskTrouble as error:
                return str(error)
            margin = self._keep_free if self._keep_free is not None else min(MARGIN_LIMIT, size // MARGIN_SHARE)
            if free - expected < margin + (margin // 4 if held else 0):
                return f"{folder} has {_mega(free)} free, {_mega(expected)} are on their way, {_mega(margin)} are to stay free"
        return None


class AlarmWatch:
    """Holds while a broker has stopped publishing for want of memory or disk."""

    cause = Cause.BROKER

    def __init__(self, brokers: Sequence[Broker]) -> None:
        self._brokers = brokers

    def look(self, held: bool) -> str | None:
        """Return which broker is in trouble."""
        for broker in self._brokers:
            state = broker.state()
            if state.state == "blocked":
                return f"{broker.name} publishes nothing: {state.detail}"
        return None


class DownstreamWatch:
    """Holds while what the pump has to say is not confirmed for some seconds: a broker is away, or no queue takes it.

    ``waiting_since`` returns since when (Unix time) the oldest of it waits, None when nothing does; ``unheard`` how many
    messages no queue took.
    """

    cause = Cause.DOWNSTREAM

    def __init__(
        self,
        target: Broker,
        waiting_since: Callable[[], float | None],
        unheard: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self._target = target
        self._waiting_since = waiting_since
        self._unheard = unheard
        self._clock = clock

    def look(self, held: bool) -> str | None:
        """Return who is away."""
        since = self._waiting_since()
        if since is None or not (held or self._clock() - since > PATIENCE):
            return None
        if self._unheard():
            return "no queue takes what is announced"
        state = self._target.state()
        return f"{self._target.name} confirms nothing: {state.detail or state.state}"


class ParkedWatch:
    """Holds while more than ``limit`` Arrivals are parked, until half of them have gone on."""

    cause = Cause.PARKED

    def __init__(self, parked: Callable[[], int], limit: int) -> None:
        self._parked = parked
        self._limit = limit

    def look(self, held: bool) -> str | None:
        """Return how many are parked."""
        parked = self._parked()
        if parked > (self._limit // 2 if held else self._limit):
            return f"{parked} wait for transfers or twins"
        return None


def watches_of(ledger: Ledger, source: Broker, target: Broker, clock: Callable[[], float]) -> tuple[Watch, ...]:
    """Return the watches that every pump has, whatever it does."""
    return (
        AlarmWatch((target, source)),
        DownstreamWatch(target, lambda: ledger.waiting_since, lambda: ledger.unheard, clock),
        ParkedWatch(lambda: len(ledger.parked), PARKED_AT_MOST),
    )


def _mega(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
