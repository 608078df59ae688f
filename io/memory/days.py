"""The histories of paths, in one store a day, so that forgetting is the removal of a folder.

No PTransform here: the engines' sieve, gate and ledger use the memory.
"""

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from threading import Lock, RLock
from typing import cast

import lmdb
import structlog

from winnowry.io.memory.store import DAMAGED, TROUBLE, grow, move_aside_unsound, open_store
from winnowry.schemas.history import History

DAY = 86_400
EPOCH = date(1970, 1, 1).toordinal()

log = structlog.get_logger(__name__)


class _Day:
    """One store, and the view of it that was last looked at."""

    __slots__ = ("store", "view")

    def __init__(self, store: lmdb.Environment) -> None:
        self.store = store
        self.view: lmdb.Transaction | None = None

    def get(self, path: bytes) -> bytes | None:
        if self.view is None:
            self.view = self._look()
        return cast("bytes | None", self.view.get(path))

    def _look(self) -> lmdb.Transaction:
        try:
            return self.store.begin()
        except lmdb.MapResizedError:
            grow(self.store)
            return self.store.begin()

    def look_away(self) -> None:
        """Give up the view: the next look sees what has been written since."""
        if self.view is not None:
            self.view.abort()
            self.view = None

    def close(self) -> None:
        self.look_away()
        self.store.close()


class Days:
    """Histories by path; ``read`` and ``write`` may run at once on two threads.

    A record is written to the newest day's store, and hides those of earlier days. A day is dropped when the last moment of it
    is more than ``remember`` seconds past. A clock that steps back over midnight leaves the newer day in use; one that was
    further ahead loses what was written then. Only the two newest days can be changed by others: past midnight somebody may
    still be finishing a write to the day before.
    """

    def __init__(
        self, folder: Path, *, remember: float, shared: bool, now: float, map_size: int, make_way: Callable[[], None]
    ) -> None:
        """``make_way`` is called before a store is moved aside, and raises where other processes still have it open."""
        self._folder = folder
        self._remember = remember
        self._map_size = map_size
        self._shared = shared
        self._make_way = make_way
        self._days: dict[int, _Day] = {}
        self._newest_first: tuple[_Day, ...] = ()
        self._changing: tuple[_Day, ...] = ()
        self._guard = Lock()
        self._writing = RLock()
        self._today = -1
        folder.mkdir(parents=True, exist_ok=True)
        self._turn(now)

    def read(self, path: bytes, now: float) -> History | None:
        """Return what is remembered of a path, with all that any process had written when this was called."""
        with TROUBLE:
            try:
                record = self._read(path, now)
            except DAMAGED:
                self._mend(now)
                record = self._read(path, now)
        return None if record is None else _unpack(path, record)

    def _read(self, path: bytes, now: float) -> bytes | None:
        with self._guard:
            self._turn(now)
            for day in self._changing:
                day.look_away()
            for day in self._newest_first:
                record = day.get(path)
                if record is not None:
                    return record
        return None

    def write(self, histories: Mapping[bytes, History], now: float) -> None:
        """Write these for good: when it returns, they are on the disk."""
        records = [(path, history.pack()) for path, history in sorted(histories.items())]
        with self._writing, TROUBLE:
            try:
                self._write(records, now)
            except DAMAGED:
                self._mend(now)
                self._write(records, now)

    def _write(self, records: list[tuple[bytes, bytes]], now: float) -> None:
        with self._guard:
            self._turn(now)
            today = self._newest_first[0]
        while not _put(today.store, records):
            with self._guard:
                today.look_away()
                grow(today.store)
        with self._guard:
            today.look_away()

    def count(self) -> dict[str, tuple[int, int]]:
        """Return by day how many records are stored and how many bytes they take on the disk."""
        with self._guard, TROUBLE:
            return {_name(number): _measure(day.store) for number, day in self._days.items()}

    def close(self) -> None:
        """Close every store."""
        with self._guard:
            self._close()

    def _close(self) -> None:
        for day in self._days.values():
            day.close()
        self._days.clear()

    def _mend(self, now: float) -> None:
        """Begin the days anew that turned out to be damaged."""
        with self._writing, self._guard:
            self._make_way()
            self._close()
            move_aside_unsound([self._folder / _name(number) for number in _days_in(self._folder)])
            self._today = -1
            self._turn(now)

    def _turn(self, now: float) -> None:
        """Begin a new day where one has begun, and drop the days that are over."""
        today = int(now // DAY)
        if today == self._today:
            return
        oldest = int((now - self._remember) // DAY)
        stored = _days_in(self._folder)
        wanted = {today} | {number for number in stored if oldest <= number <= today + 1}
        days = {number: self._days.get(number) or self._open(number) for number in sorted(wanted, reverse=True)}
        self._days, past = days, self._days
        self._newest_first = tuple(days.values())
        self._changing = self._newest_first[:2] if self._shared else ()
        self._today = today
        for number in past.keys() - wanted:
            past[number].close()
        for number in stored - wanted:
            self._drop(number)

    def _open(self, number: int) -> _Day:
        return _Day(open_store(self._folder / _name(number), synced=True, map_size=self._map_size, make_way=self._make_way))

    def _drop(self, day: int) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self._folder / _name(day))
            log.info("a day is forgotten", day=_name(day))


def _unpack(path: bytes, record: bytes) -> History | None:
    try:
        return History.unpack(record)
    except ValueError as error:
        log.warning("a record of the memory is damaged: its path counts as unknown", path=path.hex(), why=str(error))
        return None


def _put(store: lmdb.Environment, records: list[tuple[bytes, bytes]]) -> bool:
    """Write the records; False when the store is full, or another process has made it larger."""
    try:
        with store.begin(write=True) as transaction:
            transaction.cursor().putmulti(records)
    except (lmdb.MapFullError, lmdb.MapResizedError):
        return False
    return True


def _measure(store: lmdb.Environment) -> tuple[int, int]:
    stat = store.stat()
    pages = stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"]
    return stat["entries"], pages * stat["psize"]


def _name(day: int) -> str:
    return date.fromordinal(EPOCH + day).isoformat()


def _days_in(folder: Path) -> set[int]:
    """Return the days that have a store; what is named otherwise is not ours to touch."""
    days = set()
    for store in folder.iterdir():
        with suppress(ValueError):
            days.add(date.fromisoformat(store.name).toordinal() - EPOCH)
    return days
