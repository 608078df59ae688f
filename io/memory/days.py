"""The histories of paths, in one store a day, so that forgetting is the removal of a folder.

No PTransform here: the engines' sieve, gate and ledger use the memory.
"""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from threading import Lock

import lmdb
import structlog

from winnowry.io.memory.store import grow, open_store, store_trouble
from winnowry.schemas.history import History

DAY = 86_400
EPOCH = date(1970, 1, 1).toordinal()

log = structlog.get_logger(__name__)


class Days:
    """Histories by path; ``read`` and ``write`` may run at once on two threads.

    A record is written to the store of the day it is written on, and hides those of earlier days. A day is dropped when the
    last moment of it is more than ``remember`` seconds past.
    """

    def __init__(self, folder: Path, *, remember: float, now: float, map_size: int) -> None:
        self._folder = folder
        self._remember = remember
        self._map_size = map_size
        self._stores: dict[int, lmdb.Environment] = {}
        self._guard = Lock()
        self._today = -1
        folder.mkdir(parents=True, exist_ok=True)
        self._turn(now)

    def read(self, path: bytes, now: float) -> History | None:
        """Return what is remembered of a path."""
        with self._guard, store_trouble():
            self._turn(now)
            for store in self._stores.values():
                record = _get(store, path)
                if record is not None:
                    return History.unpack(record)
        return None

    def write(self, histories: Mapping[bytes, History], now: float) -> None:
        """Write these for good: when it returns, they are on the disk."""
        records = [(path, history.pack()) for path, history in sorted(histories.items())]
        with self._guard:
            self._turn(now)
            store = self._stores[self._today]
        with store_trouble():
            while not _put(store, records):
                with self._guard:
                    grow(store)

    def count(self) -> dict[str, tuple[int, int]]:
        """Return by day how many records are stored and how many bytes they take on the disk."""
        with self._guard, store_trouble():
            return {_name(day): _measure(store) for day, store in self._stores.items()}

    def close(self) -> None:
        """Close every store."""
        with self._guard:
            for store in self._stores.values():
                store.close()
            self._stores.clear()

    def _turn(self, now: float) -> None:
        """Begin a new day where one has begun, and drop the days that are over."""
        today = int(now // DAY)
        if today == self._today:
            return
        oldest = int((now - self._remember) // DAY)
        days = {today} | {day for day in _days_in(self._folder) if oldest <= day <= today + 1}
        for day in set(self._stores) - days:
            self._stores.pop(day).close()
        for day in _days_in(self._folder) - days:
            self._drop(day)
        fresh = {
            day: self._stores.get(day) or open_store(self._folder / _name(day), synced=True, map_size=self._map_size)
            for day in sorted(days, reverse=True)
        }
        self._stores = fresh
        self._today = next(iter(fresh))

    def _drop(self, day: int) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self._folder / _name(day))
            log.info("a day is forgotten", day=_name(day))


def _get(store: lmdb.Environment, path: bytes) -> bytes | None:
    try:
        with store.begin() as transaction:
            return transaction.get(path)
    except lmdb.MapResizedError:
        grow(store)
        return _get(store, path)


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
