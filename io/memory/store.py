"""Open one embedded store safely: a damaged one is moved aside and a new one begun.

No PTransform here: the engines' sieve, gate and ledger use the memory.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from errno import ENOSPC
from pathlib import Path
from types import TracebackType

import lmdb
import structlog

from winnowry.io.memory.probe import unsound
from winnowry.schemas.errors import DiskTrouble
from winnowry.schemas.reasons import Reason

MAP_SIZE = 64 * 2**30
"""Bytes of address space a store starts with; its file grows only as it is filled."""

LOCK_BYTES = 65_664
"""What a lock file takes for 1,024 readers."""

log = structlog.get_logger(__name__)


class _Trouble:
    """Translates what the store and the disk below it raise into DiskTrouble; a class because it is entered for each Post."""

    __slots__ = ()

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, (lmdb.MapFullError, lmdb.DiskError)) or (isinstance(error, OSError) and error.errno == ENOSPC):
            raise DiskTrouble(Reason.DISK_FULL, str(error)) from error
        if isinstance(error, (lmdb.Error, OSError)):
            raise DiskTrouble(Reason.DISK_ERROR, str(error)) from error


TROUBLE = _Trouble()
"""A context in which foreign errors become DiskTrouble; it holds nothing and may be entered anywhere, any number of times."""


DAMAGED = (lmdb.InvalidError, lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.VersionMismatchError, lmdb.PanicError)
"""What a store says that cannot be used any more."""


def _nobody_else() -> None:
    """Nobody else has the store open."""


def open_store(
    folder: Path, *, synced: bool, map_size: int = MAP_SIZE, make_way: Callable[[], None] = _nobody_else
) -> lmdb.Environment:
    """Open the store in ``folder``, making it where it is missing, moving it aside where it is damaged. Raises DiskTrouble.

    ``make_way`` is called before one is moved aside, and raises where others still have it open. An unsynced store survives the
    death of a process; after that of the machine it must not be opened again.
    """
    with TROUBLE:
        try:
            return _open(folder, synced, map_size)
        except (*DAMAGED, _Truncated) as error:
            make_way()
            move_aside(folder, str(error))
            return _open(folder, synced, map_size)


def move_aside(folder: Path, why: str) -> None:
    """Rename a store that cannot be used, so that it can be looked at. What it held costs repeats, never files."""
    aside = folder.with_name(f"{folder.name}.damaged-{time.time_ns()}")
    shutil.move(folder, aside)
    log.error("a store of the memory is damaged: moved aside, a new one is begun", store=str(folder), aside=str(aside), why=why)


def move_aside_unsound(folders: Iterable[Path], make_way: Callable[[], None] = _nobody_else) -> None:
    """Move those stores aside that cannot be read through. None of them may be open in this process. Raises DiskTrouble.

    ``make_way`` is called before, and raises where others still have them open.
    """
    with TROUBLE:
        present = [folder for folder in folders if folder.is_dir()]
        for folder in present:
            _allocate(folder / "lock.mdb")
        damaged = unsound(present)
        if damaged:
            make_way()
        for folder in damaged:
            move_aside(folder, "it cannot be read through")


class _Truncated(Exception):
    """The file ends before its last page: reading there would kill the process."""


def _open(folder: Path, synced: bool, map_size: int) -> lmdb.Environment:
    folder.mkdir(parents=True, exist_ok=True)
    _allocate(folder / "lock.mdb")
    store = lmdb.open(str(folder), map_size=map_size, max_readers=1024, sync=synced, metasync=synced)
    with ExitStack() as undo:
        undo.callback(store.close)
        if synced:
            _check_length(store, folder / "data.mdb")
        store.reader_check()
        undo.pop_all()
    return store


def _allocate(lock: Path) -> None:
    """Give the lock file its room: it is written through a map, and a full disk would kill the process there."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(descriptor, 0, LOCK_BYTES)
    finally:
        os.close(descriptor)


def _check_length(store: lmdb.Environment, file: Path) -> None:
    """Compare with the last page in use. Where records are deleted, the store may leave that one unwritten."""
    needed = (store.info()["last_pgno"] + 1) * store.stat()["psize"]
    size = file.stat().st_size
    if size < needed:
        raise _Truncated(f"{size} bytes of {needed}")


def grow(store: lmdb.Environment) -> None:
    """Give a full store twice the room, or what another process gave it. Nothing in this process may be using it."""
    before = store.info()["map_size"]
    store.set_mapsize(0)
    if store.info()["map_size"] <= before:
        store.set_mapsize(before * 2)
        log.warning("a store of the memory has grown", store=store.path(), bytes=before * 2)
