"""The memory of one pump on this host: what was the news on which path, what is underway, what was about to be renamed.

No PTransform here: the engines' sieve, gate and ledger use the memory.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, TypeVar

import lmdb

from winnowry.io.memory.days import Days
from winnowry.io.memory.intents import Intent, Intents
from winnowry.io.memory.leaving import Leaving
from winnowry.io.memory.owners import Owner, has_died
from winnowry.io.memory.reservations import Reservation, Reservations
from winnowry.io.memory.store import DAMAGED, MAP_SIZE, TROUBLE, move_aside_unsound, open_store
from winnowry.schemas.errors import ConfigError
from winnowry.schemas.history import History

VERSION = "winnowry memory 2\n"
UNSYNCED_SIZE = 2**30

Answer = TypeVar("Answer")


def boot_id() -> str:
    """Return what tells this life of the machine from any other; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class Memory:
    """What the instances of one pump remember. One instance a process; two threads may use it at once.

    ``folder`` is the pump's; ``remember`` is how long a path is remembered after its last change; ``shared`` says that other
    processes may have the folder open. Layout: ``VERSION``, ``days/<date>/`` (synced), ``intents/`` and ``reservations/`` (not
    synced: emptied when the machine has been started anew, which ``boot`` tells), ``owners/``.

    Lost memory costs repeats, never files. Nothing waits for a sync but ``commit``. Every method raises DiskTrouble.
    """

    def __init__(
        self,
        folder: Path,
        *,
        remember: timedelta,
        shared: bool,
        clock: Callable[[], float] = time.time,
        map_size: int = MAP_SIZE,
        boot: str | None = None,
    ) -> None:
        """Open or begin a memory. Raises ConfigError for one of another version."""
        self._folder = folder
        self._clock = clock
        self._guard = Lock()
        self._shared, self._remember = shared, remember.total_seconds()
        now = clock()
        with TROUBLE, _alone(folder):
            _check_version(folder / "VERSION")
            _forget_past_life(folder, boot if boot is not None else boot_id())
            somebody_died = has_died(folder / "owners")  # perhaps of a store that it read
            self._owner = Owner(folder / "owners")
            self._leaving, self._opening = Leaving(folder, self._owner), True
            if somebody_died:
                stores = [*(folder / "days").glob("????-??-??"), folder / "intents", folder / "reservations"]
                move_aside_unsound(stores, self._make_way)
            self._days = Days(
                folder / "days", remember=self._remember, shared=shared, now=now, map_size=map_size, make_way=self._make_way
            )
            self._unsynced = self._open_unsynced()
            self._opening = False
            self._intents = Intents(self._unsynced[0], since=now - self._remember)
            self._reservations = Reservations(self._owner, self._unsynced[1] if shared else None)

    def _open_unsynced(self) -> list[lmdb.Environment]:
        names = ("intents", "reservations") if self._shared else ("intents",)
        return [
            open_store(self._folder / name, synced=False, map_size=UNSYNCED_SIZE, make_way=self._make_way) for name in names
        ]

    def check(self) -> None:
        """Raise DiskTrouble when this process has to let go of the memory: it is to be begun anew. To be asked now and then."""
        self._leaving.check()

    def _make_way(self) -> None:
        """See to it that nobody else has the memory open, before a store is moved aside. Raises DiskTrouble otherwise."""
        (self._leaving.wait if self._opening else self._leaving.call)()

    def _try(self, work: Callable[[], Answer]) -> Answer:
        """Do ``work`` on what is not synced; once more, begun anew, when it turns out to be damaged."""
        with self._guard, TROUBLE:
            try:
                return work()
            except DAMAGED:
                self._make_way()
                for store in self._unsynced:
                    store.close()
                move_aside_unsound([self._folder / "intents", self._folder / "reservations"])
                self._unsynced = self._open_unsynced()
                self._intents = Intents(self._unsynced[0], since=self._clock() - self._remember)
                self._reservations.use(self._unsynced[1] if self._shared else None)
                return work()

    def reserve(self, path: bytes, holder: bytes) -> Reservation:
        """Reserve a path for ``holder``; whoever holds it already keeps it.

        `TAKEN_HERE` lets ``holder`` wait: the ``commit`` or ``release`` that ends the reservation returns it.
        """
        if self._shared:
            return self._try(lambda: self._reservations.reserve(path, holder))
        with self._guard:  # nothing of it is on a disk, and this is asked for each Post
            return self._reservations.reserve(path, holder)

    def is_wanted(self, path: bytes) -> bool:
        """Whether a twin waits for a path that is reserved here, in this process or another."""
        with self._guard, TROUBLE:
            return self._reservations.is_wanted(path)

    def now_ns(self) -> int:
        """Return the present time in Unix nanoseconds, by the clock of this memory."""
        return int(self._clock() * 1e9)

    def recall(self, path: bytes) -> History | None:
        """Return what is remembered of a path, with everything committed before this call, by any process."""
        return self._days.read(path, self._clock())

    def intend(self, intents: Iterable[tuple[bytes, Intent]]) -> None:
        """Record what is about to be renamed, by path, in one transaction; it outlives this process."""
        intended = list(intents)
        self._try(lambda: self._intents.write(intended, now=self._clock()))

    def intent(self, path: bytes) -> Intent | None:
        """Return what was about to be renamed at a path and has neither been committed nor released.

        One that is older than what is remembered counts no more: a death between the commit and the end of its intent left it,
        and what it speaks of may be news again.
        """
        found = self._try(lambda: self._intents.read(path))
        return None if found is None or found.at < self._clock() - self._remember else found

    def intended(self) -> frozenset[str]:
        """Return the temporary files that intents name: to sweep one would say that it was renamed."""
        return self._try(lambda: self._intents.temporaries())  # noqa: PLW0108 - of the intents that there are by then

    def commit(self, histories: Mapping[bytes, History], beside: Mapping[bytes, History] = MappingProxyType({})) -> list[bytes]:
        """Remember these for good, then end their intents and reservations; return the holders who waited for them.

        What is remembered ``beside`` them was not reserved, and whoever has reserved it keeps it; it is the later word.
        """
        self._days.write({**histories, **beside} if beside else histories, self._clock())
        return self.release(histories)

    def release(self, paths: Iterable[bytes]) -> list[bytes]:
        """End the intents and reservations of these paths; return the holders who waited for them."""
        ended = list(paths)
        self._try(lambda: self._intents.drop(ended))
        return self._try(lambda: self._reservations.release(ended))

    def abandon(self, holder: bytes) -> list[bytes]:
        """Release whatever ``holder`` has reserved, when nobody knows any more what that is."""
        with self._guard:
            paths = self._reservations.held_by(holder)
        return self.release(paths)

    def forgo(self, path: bytes) -> None:
        """End the reservation of a path that was reserved in this very call of the sieve; its intent stays."""
        self._try(lambda: self._reservations.release([path]))

    def statistics(self) -> dict[str, Any]:
        """Return how much is remembered, as plain values: records and bytes by day, reservations of this process."""
        days = {day: {"records": records, "bytes": size} for day, (records, size) in self._days.count().items()}
        return {"days": days, "reserved": len(self._reservations)}

    def close(self) -> None:
        """Close the stores and void this instance's reservations."""
        self._days.close()
        for store in self._unsynced:
            store.close()
        self._owner.leave()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time open the memory."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "opening", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check_version(file: Path) -> None:
    found = file.read_text(errors="replace") if file.exists() else ""
    if not found:  # a full disk may have left it empty
        file.write_text(VERSION)
    elif found != VERSION:
        raise ConfigError(f"{file}: this is a memory of version {found.strip()!r}, not {VERSION.strip()!r}: move it away")


def _forget_past_life(folder: Path, boot: str) -> None:
    """Empty what is not synced when the machine has died since: it may be damaged, and its owners are dead."""
    file = folder / "boot"
    if file.exists() and file.read_text(errors="replace") == boot:
        return
    for name in ("intents", "reservations"):
        shutil.rmtree(folder / name, ignore_errors=True)
    file.write_text(boot)
