"""What was about to be renamed into its place.

No PTransform here: the engines' sieve, gate and ledger use the memory.
"""

from collections.abc import Iterable

import lmdb
import msgspec


class Intent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A file with this ``inode`` and the key of its ``content`` was about to be renamed away from ``temporary``.

    After a death: no file at ``temporary`` says that the rename happened, because nothing else takes it away while the intent
    stands: a sweep spares it, and a rename that fails takes its intent back (an empty ``temporary``) before it is removed.
    The final name says less: a consumer may have taken the file away, or put another there. ``temporary`` is relative to the
    data root; ``at`` is when, in whole seconds of Unix time.
    """

    content: bytes
    temporary: str
    inode: int
    at: int = 0


class Intents:
    """The Intents by path. Unsynced: they outlive the process, and after the death of the machine nothing is lost but time."""

    def __init__(self, store: lmdb.Environment, *, since: float) -> None:
        """Forget what was intended before ``since`` (Unix time)."""
        self._store = store
        self._decoder = msgspec.msgpack.Decoder(Intent)
        self._drop_before(since)

    def write(self, intents: Iterable[tuple[bytes, Intent]], *, now: float) -> None:
        """Record these, in one transaction."""
        with self._store.begin(write=True) as transaction:
            for path, intent in intents:
                transaction.put(path, msgspec.msgpack.encode(msgspec.structs.replace(intent, at=int(now))))

    def read(self, path: bytes) -> Intent | None:
        """Return what was last intended at a path."""
        with self._store.begin() as transaction:
            record = transaction.get(path)
        return None if record is None else self._unpack(record)

    def temporaries(self) -> frozenset[str]:
        """Return the temporaries of all that is intended."""
        with self._store.begin() as transaction:
            intents = [self._unpack(record) for _, record in transaction.cursor()]
        return frozenset(intent.temporary for intent in intents if intent is not None)

    def drop(self, paths: Iterable[bytes]) -> None:
        """Forget what was intended at these paths; where nothing was, nothing is written."""
        with self._store.begin() as transaction:
            found = [path for path in paths if transaction.get(path) is not None]
        if found:
            with self._store.begin(write=True) as transaction:
                for path in found:
                    transaction.delete(path)

    def _drop_before(self, since: float) -> None:
        with self._store.begin(write=True) as transaction:
            for path, record in list(transaction.cursor()):
                intent = self._unpack(record)
                if intent is None or intent.at < since:
                    transaction.delete(path)

    def _unpack(self, record: bytes) -> Intent | None:
        """Return an intent; None for a damaged record, which is as good as none: its file is fetched again."""
        try:
            return self._decoder.decode(record)
        except msgspec.MsgspecError:
            return None
