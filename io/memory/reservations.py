"""Which paths are underway, and with whom.

No PTransform here: the engines' sieve, gate and ledger use the memory.
"""

from collections.abc import Iterable
from enum import Enum

import lmdb

from winnowry.io.memory.owners import NAME_BYTES, Owner

_WANTED = b"!"
"""Follows the owner's name in the store, once somebody in another process has asked for the path."""


class Reservation(Enum):
    """What became of a wish to reserve a path."""

    RESERVED = "reserved"
    TAKEN_HERE = "taken_here"
    TAKEN_ELSEWHERE = "taken_elsewhere"


class Reservations:
    """The paths underway in this process, and with a ``store`` also in others. For one thread at a time.

    The store needs no sync: it holds nothing that outlives its owners. It keeps the owner's name by path, and whether another
    process wants it.
    """

    def __init__(self, owner: Owner, store: lmdb.Environment | None) -> None:
        self._owner = owner
        self._holders: dict[bytes, bytes] = {}
        self._waiting: dict[bytes, dict[bytes, None]] = {}
        self.use(store)

    def use(self, store: lmdb.Environment | None) -> None:
        """Keep them in this store from now on, in which nothing of this process is."""
        self._store = store
        if store is not None:
            self._drop_dead(store)

    def __len__(self) -> int:
        return len(self._holders)

    def reserve(self, path: bytes, holder: bytes) -> Reservation:
        """Reserve a path for ``holder``, who takes over what it holds already, or waits for who has it in this process."""
        present = self._holders.get(path)
        if present == holder:
            return Reservation.RESERVED
        if present is not None:
            self._waiting.setdefault(path, {})[holder] = None
            return Reservation.TAKEN_HERE
        if self._store is not None and not self._write(self._store, path):
            return Reservation.TAKEN_ELSEWHERE
        self._holders[path] = holder
        return Reservation.RESERVED

    def _write(self, store: lmdb.Environment, path: bytes) -> bool:
        with store.begin(write=True) as transaction:
            if transaction.put(path, self._owner.name, overwrite=False):
                return True
            present = transaction.get(path, b"")
            if not self._owner.lives(present[:NAME_BYTES]):
                return bool(transaction.put(path, self._owner.name))
            if not present.endswith(_WANTED):
                transaction.put(path, present + _WANTED)
            return False

    def is_wanted(self, path: bytes) -> bool:
        """Whether somebody else, in this process or another, has asked for a path since ``reserve`` has given it."""
        if self._waiting.get(path):
            return True
        if self._store is None:
            return False
        with self._store.begin() as transaction:
            present = transaction.get(path, b"")
        return present[:NAME_BYTES] == self._owner.name and present.endswith(_WANTED)

    def held_by(self, holder: bytes) -> list[bytes]:
        """Return the paths that ``holder`` has reserved; it looks at all there are."""
        return [path for path, present in self._holders.items() if present == holder]

    def release(self, paths: Iterable[bytes]) -> list[bytes]:
        """End the reservations of these paths; return the holders who waited for them, first come first."""
        ended = [path for path in paths if path in self._holders]
        if self._store is not None and ended:
            with self._store.begin(write=True) as transaction:
                for path in ended:
                    transaction.delete(path)
        for path in ended:  # last: when the store cannot be written, nothing has changed
            self._holders.pop(path, None)
        if not self._waiting:
            return []
        return [holder for path in ended for holder in self._waiting.pop(path, ())]

    def _drop_dead(self, store: lmdb.Environment) -> None:
        with store.begin(write=True) as transaction:
            lives: dict[bytes, bool] = {}
            for path, present in list(transaction.cursor()):
                name = present[:NAME_BYTES]
                if name not in lives:
                    lives[name] = self._owner.lives(name)
                if not lives[name]:
                    transaction.delete(path)
