"""The pool of transfers of a process. It outlives every round, so that a slow file delays nobody but itself."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import islice

import msgspec

from winnowry.io.files import Files
from winnowry.io.http import Http
from winnowry.io.incoming import Incoming, Request
from winnowry.io.job import Carrier, Done, Job, Result
from winnowry.io.local import Local
from winnowry.io.tree import tree_at
from winnowry.schemas.arrival import Fetched
from winnowry.schemas.errors import Refused, Terminal, Transient
from winnowry.schemas.reasons import Reason

KEPT = 3600.0
"""Seconds that the result of a transfer waits to be taken."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How one transfer stands: bytes so far, and since when (seconds, monotonic) nothing more has come."""

    key: bytes
    url: str
    received: int
    size: int | None
    touched: float


class _Wait:
    __slots__ = ("event", "missing")

    def __init__(self, missing: set[bytes]) -> None:
        self.missing = missing
        self.event = threading.Event()


Carriers = Callable[[Files, Done], Mapping[str, Carrier]]
"""Makes the carriers of a pool, by the scheme of URLs that each takes."""


def real_carriers(files: Files, done: Done) -> Mapping[str, Carrier]:
    """Return what brings files over the network and from our own disks."""
    http = Http(files, done)
    return {"http": http, "https": http, "file": Local(files, done)}


class Transfers:
    """Fetches files side by side, each known by a key. Every method may be called from any thread.

    ``on_finished`` is called with the key of each transfer that ends, on the thread that brought it; it must return at once.
    """

    def __init__(
        self, files: Files, *, carriers: Carriers = real_carriers, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.tree = tree_at(files.root)
        self._clock = clock
        self.on_finished: Callable[[bytes], None] | None = None
        self._carriers = carriers(files, self._done)
        self._lock = threading.Lock()
        self._jobs: dict[bytes, Job] = {}
        self._ended: dict[bytes, tuple[Result, float]] = {}
        self._waits: list[_Wait] = []

    def start(self, key: bytes, request: Request) -> None:
        """Fetch what ``request`` says, unless a transfer with this key is under way or ended and not yet taken.

        Raises Refused for a URL that no carrier of ours takes.
        """
        if key in self._jobs or key in self._ended:
            return
        carrier = self._carriers.get(request.url.partition(":")[0].lower())
        if carrier is None:
            raise Refused(Reason.SCHEME_NOT_ALLOWED, request.url)
        job = Job(key, Incoming(self.tree, request))
        with self._lock:
            if key in self._jobs or key in self._ended:
                return
            self._jobs[key] = job
        carrier.carry(job)

    def finished(self, key: bytes) -> bool:
        """Whether the transfer has ended and waits to be taken."""
        return key in self._ended

    def take(self, key: bytes) -> Result | None:
        """Hand over, once, what came of a transfer; None while it is under way. A Fetched's temporary is then the taker's."""
        ended = self._ended.pop(key, None)
        return ended[0] if ended is not None else None

    def wait(self, keys: Iterable[bytes], seconds: float, longest: float = 0.0) -> bool:
        """Wait until none of ``keys`` is under way, for at most ``seconds``; return whether that is so.

        As long as one of them ends every so often, it waits on, for at most ``longest`` seconds in all.
        """
        with self._lock:
            wait = _Wait({key for key in keys if key in self._jobs})
            if not wait.missing:
                return True
            self._waits.append(wait)
        until = self._clock() + longest
        missing = len(wait.missing)
        while not wait.event.wait(seconds) and len(wait.missing) < missing and self._clock() < until:
            missing = len(wait.missing)
        with self._lock:
            self._waits.remove(wait)
        return not wait.missing

    def cancel(self, key: bytes) -> None:
        """Forget a transfer and remove what it has written, whether it is under way, ended or unknown."""
        with self._lock:
            job = self._jobs.pop(key, None)
            ended = self.take(key)
        if job is not None:
            job.dropped = True
            self._carriers[job.incoming.request.url.partition(":")[0].lower()].drop(job)
        if ended is not None:
            self._discard(ended)

    def received(self, key: bytes) -> int | None:
        """Return how many bytes of a transfer have come; None where it is not under way."""
        job = self._jobs.get(key)
        return None if job is None else job.incoming.received

    def expected(self) -> int:
        """Return how many bytes of the transfers under way have not come yet, as far as their sizes were announced."""
        waits = ((job.incoming.request.size, job.incoming.received) for job in list(self._jobs.values()))
        return sum(max(0, size - received) for size, received in waits if size is not None)

    def underway(self) -> list[Progress]:
        """Return how each transfer under way stands."""
        return [_progress(job) for job in list(self._jobs.values())]

    def close(self) -> None:
        """Stop all transfers; what is not finished ends as Unreachable."""
        for carrier in set(self._carriers.values()):
            carrier.close()

    def _done(self, job: Job, result: Result) -> None:
        with self._lock:
            if wanted := self._jobs.get(job.key) is job:
                del self._jobs[job.key]
                self._ended[job.key] = result, self._clock()
                for wait in self._waits:
                    wait.missing.discard(job.key)
                    if not wait.missing:
                        wait.event.set()
        self._forget()
        if not wanted:
            self._discard(result)
        elif self.on_finished is not None:
            self.on_finished(job.key)

    def _forget(self) -> None:
        """Remove what nobody came for within ``KEPT`` seconds, as when its message went to another instance."""
        limit = self._clock() - KEPT
        for key, (_, since) in list(islice(self._ended.items(), 2)):
            if since < limit:
                self.cancel(key)

    def _discard(self, result: Result) -> None:
        if isinstance(result, Fetched) and result.temporary is not None:
            with suppress(Transient, Terminal):  # what cannot be removed now is swept later
                self.tree.unlink(result.temporary)


_POOLS: dict[Files, Transfers] = {}
_OPENING = threading.Lock()


def transfers_for(files: Files) -> Transfers:
    """Return the one pool of this process for these settings."""
    with _OPENING:
        if files not in _POOLS:
            _POOLS[files] = Transfers(files)
        return _POOLS[files]


def use_pool(files: Files, transfers: Transfers) -> None:
    """Let ``transfers`` serve these settings from the next round on, in place of the pool that there is, or would be made."""
    with _OPENING:
        _POOLS[files] = transfers


def close_pools() -> None:
    """Stop all transfers of this process, and end the threads that bring them."""
    with _OPENING:
        pools = list(_POOLS.values())
        _POOLS.clear()
    for pool in pools:
        pool.close()


def _progress(job: Job) -> Progress:
    incoming = job.incoming
    return Progress(
        key=job.key, url=incoming.request.url, received=incoming.received, size=incoming.request.size, touched=incoming.touched
    )
