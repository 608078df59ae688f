"""One file being fetched, between the pool that was asked for it and the carrier that brings it."""

from collections.abc import Callable
from typing import Protocol

from winnowry.io.incoming import Incoming
from winnowry.schemas.arrival import Fetched
from winnowry.schemas.errors import Terminal, Transient

Lane = tuple[str, bool]
"""The host that a file comes from, and whether the file is large."""

Result = Fetched | Transient | Terminal


class Job:
    """One file wanted under ``key``, and what has come of it. ``dropped`` says that nobody wants it any more."""

    __slots__ = ("dropped", "incoming", "key", "lane")

    def __init__(self, key: bytes, incoming: Incoming, lane: Lane = ("", False)) -> None:
        self.key = key
        self.incoming = incoming
        self.lane = lane
        self.dropped = False

    def complete(self) -> Result:
        """Return the file, now that its last byte has come, or what went wrong."""
        if self.incoming.trouble is not None:
            return self.fail(self.incoming.trouble)
        try:
            return self.incoming.finish()
        except (Transient, Terminal) as error:
            return self.fail(error)

    def fail(self, error: Transient | Terminal) -> Result:
        """Return ``error``, or the trouble at our end that was behind it, and remove what has been written."""
        try:
            self.incoming.abandon()
        except (Transient, Terminal) as worse:
            return worse
        return self.incoming.trouble or error


Done = Callable[[Job, Result], None]


class Carrier(Protocol):
    """What brings files over one kind of wire, in threads of its own. Every method returns at once."""

    def carry(self, job: Job) -> None:
        """Bring the file; the ``Done`` the carrier was made with is called once, unless the job is dropped."""

    def drop(self, job: Job) -> None:
        """Stop bringing a job that was marked as dropped, and remove what has been written of it."""

    def close(self) -> None:
        """Stop; what is not finished ends as Unreachable."""
