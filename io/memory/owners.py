"""Who owns reservations: an instance that holds a lock on a file for as long as it lives.

No PTransform here: the engines' sieve, gate and ledger use the memory.
"""

import fcntl
import os
import secrets
from io import FileIO
from pathlib import Path

from winnowry.io.memory.store import TROUBLE

NAME_BYTES = 8


class Owner:
    """This instance's lock. The system frees it at the very moment the process dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        """Take a new lock in ``folder``, and remove those that nobody holds. Raises DiskTrouble."""
        self._folder = folder
        self.name = secrets.token_bytes(NAME_BYTES)
        with TROUBLE:
            folder.mkdir(parents=True, exist_ok=True)
            self._remove_dead()
            self._lock = self._take()

    def _take(self) -> FileIO:
        """Lock under another name first: whoever sees the final name finds it locked."""
        file = self._folder / self.name.hex()
        unfinished = file.with_suffix(".new")
        lock = FileIO(unfinished, "x")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.write(f"{os.getpid()}\n".encode())
        unfinished.rename(file)
        return lock

    def _remove_dead(self) -> None:
        for file in self._folder.iterdir():
            if not file.suffix and not is_held(file):
                file.unlink(missing_ok=True)

    def lives(self, name: bytes) -> bool:
        """Whether the owner of this name still holds its lock."""
        return name == self.name or is_held(self._folder / name.hex())

    def others_live(self) -> bool:
        """Whether another owner holds a lock in this folder."""
        return any(not file.suffix and file.name != self.name.hex() and is_held(file) for file in self._folder.iterdir())

    def leave(self) -> None:
        """Free the lock and with it every reservation."""
        (self._folder / self.name.hex()).unlink(missing_ok=True)
        self._lock.close()


def has_died(folder: Path) -> bool:
    """Whether an owner in ``folder`` has died without leaving."""
    return folder.is_dir() and any(not file.suffix and not is_held(file) for file in folder.iterdir())


def is_held(file: Path) -> bool:
    """Whether a living process holds the lock on ``file``; a missing one is held by nobody."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
