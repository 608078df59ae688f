"""File servers in memory, for tests: what they have, and how the next requests for it end.

A `FakeSite` is all servers of the world; each pool of transfers has a `FakeCarrier` of its own to it. Nothing runs by itself: a
request is answered within ``carry``, in the thread that asks, unless it hangs; what hangs ends when ``go_on`` is called.
"""

from collections import deque
from collections.abc import Mapping
from enum import Enum

from winnowry.io.files import Files
from winnowry.io.job import Done, Job, Result
from winnowry.schemas.errors import SourceUnready, Unreachable
from winnowry.schemas.reasons import Reason


class Mishap(Enum):
    """What may happen to a request."""

    BROKEN_OFF = "broken_off"
    CUT_SHORT = "cut_short"
    FLIPPED = "flipped"
    HANGS = "hangs"
    UNREADY = "unready"


class FakeSite:
    """What is to be had, by URL. ``mishaps`` befall the next requests, one each, whatever they ask for.

    ``requests`` are the URLs that were asked for, in their order.

    >>> site = FakeSite()
    >>> site.contents["https://example.org/a"] = b"hello"
    >>> site.mishaps.append(Mishap.UNREADY)
    """

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.mishaps: deque[Mishap] = deque()
        self.requests: list[str] = []

    def carriers(self, files: Files, done: Done) -> Mapping[str, "FakeCarrier"]:
        """Return the carrier of one pool (`io.transfers.Carriers`)."""
        return {"https": FakeCarrier(self, done)}


class FakeCarrier:
    """Brings files from a `FakeSite` (`io.job.Carrier`)."""

    def __init__(self, site: FakeSite, done: Done) -> None:
        self.hanging: list[Job] = []
        self._site = site
        self._done = done

    def carry(self, job: Job) -> None:
        """Bring the file now, or let it hang."""
        self._site.requests.append(job.incoming.request.url)
        mishap = self._site.mishaps.popleft() if self._site.mishaps else None
        if mishap is Mishap.HANGS:
            self.hanging.append(job)
        else:
            self._done(job, self._bring(job, mishap))

    def go_on(self) -> None:
        """Bring what hangs."""
        for job in self._let_go():
            self._done(job, self._bring(job, None))

    def drop(self, job: Job) -> None:
        """Forget a job that hangs."""
        if job in self.hanging:
            self.hanging.remove(job)
            job.fail(_stopped())

    def close(self) -> None:
        """End what hangs as Unreachable."""
        for job in self._let_go():
            self._done(job, job.fail(_stopped()))

    def _let_go(self) -> list[Job]:
        hanging, self.hanging = self.hanging, []
        return hanging

    def _bring(self, job: Job, mishap: Mishap | None) -> Result:
        content = self._site.contents.get(job.incoming.request.url)
        if content is None or mishap is Mishap.UNREADY:
            return job.fail(SourceUnready(Reason.NOT_FOUND, job.incoming.request.url))
        if mishap is Mishap.BROKEN_OFF:
            job.incoming.take(content[: len(content) // 2])
            return job.fail(Unreachable(Reason.UNREACHABLE, "the server hung up"))
        job.incoming.take(_spoiled(content, mishap))
        return job.complete()


def _spoiled(content: bytes, mishap: Mishap | None) -> bytes:
    if mishap is Mishap.CUT_SHORT:
        return content[:-1]
    if mishap is Mishap.FLIPPED:
        return content[:-1] + bytes(byte ^ 1 for byte in content[-1:])
    return content


def _stopped() -> Unreachable:
    return Unreachable(Reason.UNREACHABLE, "transfers were stopped")
