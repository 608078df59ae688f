"""Later work on our own disk, for a broker that is not ours: a consumer may not publish to its own queue there.

One SQLite file an instance; operators may look into it from another process. Each commit is on the disk before it returns.
"""

import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec
import structlog
from msgspec.structs import replace

from winnowry.io.dead import DeadLetter, cut
from winnowry.io.later import WAITING
from winnowry.schemas.arrival import identify
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import DiskTrouble
from winnowry.schemas.outcome import Outcome
from winnowry.schemas.reasons import Reason

HELD_BY = "later store"
"""What the Deliveries of a store say they are held by: no broker settles them."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS later
    (number INTEGER PRIMARY KEY AUTOINCREMENT, due INTEGER NOT NULL, delivery BLOB NOT NULL, kept INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS later_due ON later (due);
CREATE TABLE IF NOT EXISTS dead (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, letter BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS dead_name ON dead (name);
"""
_BUSY_SECONDS = 30.0

log = structlog.get_logger(__name__)

_delivery = msgspec.msgpack.Decoder(Delivery)
_letter = msgspec.msgpack.Decoder(DeadLetter)


def store_of(state: Path, number: int) -> Path:
    """Return the file of one instance's store below the state folder of its pump; the folder is made."""
    folder = state / str(number)
    folder.mkdir(0o700, parents=True, exist_ok=True)  # messages are nobody else's business
    return folder / "later.sqlite"


def stores_of(state: Path) -> list[Path]:
    """Return the files of the stores of all instances of a pump."""
    return sorted(state.glob("*/later.sqlite"))


class LaterStore:
    """Keeps postponed Deliveries until they are due, and dead letters. Every method may be called from any thread.

    What ``due`` has returned is not returned again by this store until the process starts anew; ``forget`` removes it.
    All methods raise DiskTrouble when the disk is full or failing.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._out: set[int] = set()
        with _translated(path):
            self._connection = _open_sound(path)
        self._path = path

    def postpone(self, waits: Sequence[tuple[Delivery, float, Reason]], now: int) -> None:
        """Keep Deliveries that come back after so many seconds, counted from ``now`` in Unix nanoseconds."""
        rows = [(now + int(delay * 1e9), _pack(delivery, reason), now) for delivery, delay, reason in waits]
        with self._change() as connection:
            connection.executemany("INSERT INTO later (due, delivery, kept) VALUES (?, ?, ?)", rows)

    def due(self, now: int, limit: int = 1000) -> list[Delivery]:
        """Return what is due and was not returned before, the longest due first, at most ``limit`` of them.

        What was kept later than ``now`` is due: the clock has been set back since, nobody knows by how much.
        """
        if limit <= 0:
            return []
        with self._change() as connection:
            numbers = connection.execute(
                "SELECT number FROM later WHERE due <= :now OR kept > :now ORDER BY due, number LIMIT :limit",
                {"now": now, "limit": limit + len(self._out)},
            )
            fresh = [number for (number,) in numbers if number not in self._out][:limit]
            read = "SELECT delivery FROM later WHERE number = ?"
            found = [(number, row[0]) for number in fresh if (row := connection.execute(read, (number,)).fetchone())]
            self._out.update(fresh)
        return [replace(_delivery.decode(data), tag=number, held_by=HELD_BY) for number, data in found]

    def next_due(self) -> int | None:
        """Return when the next one that has not been returned is due, in Unix nanoseconds; None when there is none."""
        with self._change() as connection:
            for number, due in connection.execute("SELECT number, due FROM later ORDER BY due, number"):
                if number not in self._out:
                    return int(due)
        return None

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        """Let ``due`` return these again."""
        with self._lock:
            self._out.difference_update(delivery.tag for delivery in deliveries)

    def forget(self, deliveries: Sequence[Delivery]) -> None:
        """Remove Deliveries that ``due`` returned. Others are passed over."""
        numbers = [delivery.tag for delivery in deliveries if delivery.held_by == HELD_BY]
        with self._change() as connection:
            connection.executemany("DELETE FROM later WHERE number = ?", [(number,) for number in numbers])
        with self._lock:  # only now: what a full disk has kept from being removed is still handed out
            self._out.difference_update(numbers)

    def waiting(self) -> list[Delivery]:
        """Return all Deliveries that are kept, due or not, and leave them."""
        with self._change() as connection:
            return [_delivery.decode(data) for (data,) in connection.execute("SELECT delivery FROM later ORDER BY number")]

    def bury(self, outcomes: Sequence[Outcome], now: int) -> None:
        """Keep dead letters."""
        letters = [_letter_of(outcome, now) for outcome in outcomes]
        rows = [(letter.name, msgspec.msgpack.encode(letter)) for letter in letters]
        with self._change() as connection:
            connection.executemany("INSERT INTO dead (name, letter) VALUES (?, ?)", rows)

    def browse(self) -> list[DeadLetter]:
        """Return the dead letters, oldest first."""
        with self._change() as connection:
            return [_letter.decode(data) for (data,) in connection.execute("SELECT letter FROM dead ORDER BY number")]

    def drop(self, names: Collection[str]) -> int:
        """Remove the dead letters with these names; return how many there were."""
        with self._change() as connection:
            return sum(connection.execute("DELETE FROM dead WHERE name = ?", (name,)).rowcount for name in set(names))

    def resubmit(self, names: Collection[str], now: int) -> int:
        """Let dead letters be tried again, from their first attempt; return how many there were."""
        wanted = frozenset(names)
        chosen = [letter for letter in self.browse() if letter.name in wanted]
        rows = [(now, msgspec.msgpack.encode(replace(letter.message, attempt=1))) for letter in chosen]
        with self._change() as connection:
            connection.executemany("INSERT INTO later (due, delivery) VALUES (?, ?)", rows)
            connection.executemany("DELETE FROM dead WHERE name = ?", [(letter.name,) for letter in chosen])
        return len(chosen)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _translated(self._path), self._connection:
            yield self._connection


def _open_sound(path: Path) -> sqlite3.Connection:
    """Open a store; one that is damaged is moved aside, and what can still be read of it goes on in a new one."""
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise
        why = str(error)
    aside = _move_aside(path)
    fresh = _open(path)
    saved = {table: _save(aside, fresh, table) for table in ("later", "dead")}
    log.error("a store of later work is damaged: moved aside, a new one is begun", aside=str(aside), why=why, saved=saved)
    return fresh


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
        if "kept" not in [column[1] for column in connection.execute("PRAGMA table_info (later)")]:
            connection.execute("ALTER TABLE later ADD COLUMN kept INTEGER NOT NULL DEFAULT 0")
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise _corrupt(found)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _corrupt(why: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(why)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _move_aside(path: Path) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    for tail in ("", "-wal"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + tail).rename(aside.with_name(aside.name + tail))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    return aside


def _save(damaged: Path, fresh: sqlite3.Connection, table: str) -> int:
    """Copy what can be read of a table, up to the damage; return how many rows."""
    saved = 0
    with fresh, suppress(sqlite3.Error), closing(sqlite3.connect(damaged)) as connection:
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY number"):
            fresh.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
            saved += 1
    return saved


def _pack(delivery: Delivery, reason: Reason) -> bytes:
    attempt = delivery.attempt + (reason not in WAITING)
    return msgspec.msgpack.encode(replace(delivery, attempt=attempt, tag=0, epoch=0, held_by=""))


def _letter_of(outcome: Outcome, now: int) -> DeadLetter:
    message = replace(outcome.delivery, tag=0, epoch=0, held_by="")
    return DeadLetter(
        name=identify(message).hex()[:12],
        ending=outcome.ending.value,
        reason=outcome.reason.code,
        detail=cut(outcome.detail),
        attempts=message.attempt,
        when=now,
        message=message,
    )


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        full = "full" in str(error)
        raise DiskTrouble(Reason.DISK_FULL if full else Reason.DISK_ERROR, f"{path}: {error}") from error
