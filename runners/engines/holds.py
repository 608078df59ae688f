"""Why a pump is paused: at most one hold for each cause, lifted by whoever, or whatever, set it.

An operator's hold is kept in a file, so that a pump that dies and is started again is still held. The others are looked for
now and then, and lift themselves; each begins at one bound and ends at another, so that a pump does not flutter.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog

log = structlog.get_logger(__name__)


class Cause(StrEnum):
    """What a pump can be paused for."""

    OPERATOR = "operator"
    DISK = "disk"
    BROKER = "broker"
    DOWNSTREAM = "downstream"
    PARKED = "parked"


LIFTED_BY = {
    Cause.OPERATOR: "`winnowry lift`",
    Cause.DISK: "free space on the disk",
    Cause.BROKER: "the broker, when it takes announcements again",
    Cause.DOWNSTREAM: "whoever takes the announcements, when it is back",
    Cause.PARKED: "the end of transfers",
}


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a pump is paused; ``since`` is Unix time, ``by`` who set it."""

    cause: Cause
    reason: str
    by: str
    since: float

    def told(self) -> dict[str, Any]:
        """Return it as plain values, with what lifts it."""
        return {**msgspec.structs.asdict(self), "cause": self.cause.value, "lifted_by": LIFTED_BY[self.cause]}


class Watch(Protocol):
    """Looks for one cause."""

    cause: Cause

    def look(self, held: bool) -> str | None:
        """Return why the pump is to be paused, None where it is not; ``held`` says that it is paused for this cause."""


class Holds:
    """The holds of one instance. ``hold`` and ``lift`` may be called from any thread.

    ``file`` keeps the operator's; without one it ends with the process.
    """

    def __init__(self, pump: str, clock: Callable[[], float], watches: Sequence[Watch] = (), file: Path | None = None) -> None:
        self._pump = pump
        self._clock = clock
        self._watches = watches
        self._file = file
        self._standing: dict[Cause, Hold] = {}
        self._remember()

    def __bool__(self) -> bool:
        return bool(self._standing)

    def told(self) -> list[dict[str, Any]]:
        """Return the holds that stand, the oldest first, as plain values."""
        return [hold.told() for hold in sorted(dict(self._standing).values(), key=lambda hold: hold.since)]

    def hold(self, reason: str, by: str) -> None:
        """Pause for an operator."""
        self._set(Cause.OPERATOR, reason, by)
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_bytes(msgspec.json.encode(self._standing[Cause.OPERATOR]))

    def lift(self) -> None:
        """End the operator's hold; what else holds the pump stays."""
        self._end(Cause.OPERATOR)
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def look(self) -> None:
        """Look for reasons to hold, and whether those that were found have passed."""
        for watch in self._watches:
            reason = watch.look(watch.cause in self._standing)
            if reason is None:
                self._end(watch.cause)
            else:
                self._set(watch.cause, reason, "winnowry")

    def _set(self, cause: Cause, reason: str, by: str) -> None:
        before = self._standing.get(cause)
        since = before.since if before is not None else self._clock()
        self._standing[cause] = Hold(cause=cause, reason=reason, by=by, since=since)
        if before is None:
            log.warning("hold", pump=self._pump, cause=cause.value, reason=reason, by=by)

    def _end(self, cause: Cause) -> None:
        if self._standing.pop(cause, None) is not None:
            log.warning("lift", pump=self._pump, cause=cause.value)

    def _remember(self) -> None:
        if self._file is None or not self._file.exists():
            return
        with suppress(msgspec.MsgspecError):  # half written when the machine died: then nobody was told that it holds
            hold = msgspec.json.decode(self._file.read_bytes(), type=Hold)
            self._standing[hold.cause] = hold
            log.warning("still held", pump=self._pump, reason=hold.reason, by=hold.by)
