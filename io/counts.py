"""What a speedo has counted, on disk: the sums of windows that are not told yet, and who was counted last off each queue.

No PTransform here: the ending of an engine counts, before it settles.
"""

import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast, get_args

import lmdb
import msgspec

from winnowry.io.memory.owners import Owner, has_died
from winnowry.io.memory.store import DAMAGED, TROUBLE, grow, move_aside_unsound, open_store
from winnowry.schemas.errors import DiskTrouble
from winnowry.schemas.rate import Dimension, Slot, Sums
from winnowry.schemas.reasons import Reason

MAP_SIZE = 2**30
OPEN, TOLD, ROLL = b"o", b"t", b"r"
"""What the keys of the store begin with: sums that are to be told, sums that were, and who was counted."""

DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
_SLOT = struct.Struct(">QQB")
_WINDOW = struct.Struct(">QQ")
_ENTRY = struct.Struct(">Q16s")
_NUMBER = struct.Struct(">Q")
_decoder = msgspec.msgpack.Decoder(Sums)
_encoder = msgspec.msgpack.Encoder()

Counted = Sequence[tuple[int, bytes]]
"""Messages that were counted off one queue: the tag of each, growing with its place there, and its identity."""

Turned = tuple[Sequence[int], int]
"""What becomes of a roll: the numbers of the pages that go, and that of the one that comes."""

Answer = TypeVar("Answer")


class Counts:
    """The counts of one pump, in ``folder``. For one process at a time, and one thread of it. Every method raises DiskTrouble.

    What ``add`` was given is on the disk when it returns: all of it, or after an error nothing.
    """

    def __init__(self, folder: Path, map_size: int = MAP_SIZE) -> None:
        """Open the store, or begin one. Raises DiskTrouble where another process has it."""
        self._folder = folder / "store"
        self._map_size = map_size
        with TROUBLE:
            somebody_died = has_died(folder / "owners")
        self._owner = Owner(folder / "owners")
        if self._owner.others_live():
            self._owner.leave()
            raise DiskTrouble(Reason.DISK_ERROR, f"another process counts in {folder}")
        if somebody_died:
            move_aside_unsound([self._folder])
        self._store = open_store(self._folder, synced=True, map_size=map_size)
        self._pages: dict[str, list[tuple[int, int]]] = {}

    def add(self, sums: Mapping[Slot, Sums], counted: Mapping[str, tuple[int, Counted]], keep: int) -> None:
        """Add to the sums of these slots, and call on the roll who was counted, by queue with the turn of its channel.

        Of each queue the last ``keep`` at least are kept. A window that was told is to be told again, with all its sums.
        """
        pages = {queue: _turned(self._pages_of(queue), len(entries), keep) for queue, (_, entries) in counted.items()}
        self._write(lambda transaction: _add(transaction, sums, counted, pages))
        for queue, (old, number) in pages.items():
            self._pages[queue] = [*self._pages[queue][len(old) :], (number, len(counted[queue][1]))]

    def roll(self, queue: str) -> tuple[int, list[bytes]]:
        """Return the latest turn of this queue (0 for none), and who was counted last, in the order in which they lay there."""
        records = self._read(lambda transaction: list(_rolls(transaction, queue)))
        entries = sorted((turn, *entry) for turn, page in records for entry in page)
        return max((turn for turn, _ in records), default=0), [identity for _, _, identity in entries]

    def forget_rolls(self) -> None:
        """Forget who was counted: nothing of it will be delivered again."""
        self._pages.clear()
        self._write(lambda transaction: _delete(transaction, [key for key, _ in _from(transaction, ROLL)]))

    def _pages_of(self, queue: str) -> list[tuple[int, int]]:
        """Return the pages of a roll, the oldest first: number, and how many entries."""
        if queue not in self._pages:
            self._pages[queue] = self._read(lambda transaction: list(_pages(transaction, queue)))
        return self._pages[queue]

    def over(self, now: int, limit: int) -> list[tuple[Slot, Sums]]:
        """Return the sums that are to be told, of windows that are over by ``now`` (Unix nanoseconds), the oldest first.

        Windows are whole, those of ``all`` first in each. There are no more when ``limit`` of them is reached.
        """
        return self._read(lambda transaction: list(_over(transaction, OPEN, now, limit)))

    def told(self, rates: Iterable[tuple[Slot, Sums]]) -> None:
        """Take note that these windows were told, each whole; to one that has grown since, that makes no difference."""
        windows: dict[bytes, dict[bytes, bytes]] = defaultdict(dict)
        for slot, sums in rates:
            key = _write_slot(slot)
            windows[key[: _WINDOW.size]][OPEN + key] = _encoder.encode(sums)
        self._write(lambda transaction: _tell(transaction, windows))

    def forget_told(self, before: int) -> None:
        """Forget the sums that were told of windows that ended before this time (Unix nanoseconds)."""
        if old := self._read(lambda transaction: list(_over(transaction, TOLD, before, 1000))):
            self._write(lambda transaction: _delete(transaction, [TOLD + _write_slot(slot) for slot, _ in old]))

    def close(self) -> None:
        """Close the store."""
        self._store.close()
        self._owner.leave()

    def _read(self, work: Callable[[lmdb.Transaction], Answer]) -> Answer:
        return self._try(lambda: self._transact(work, write=False))

    def _write(self, work: Callable[[lmdb.Transaction], None]) -> None:
        self._try(lambda: self._transact(work, write=True))

    def _transact(self, work: Callable[[lmdb.Transaction], Answer], *, write: bool) -> Answer:
        while True:
            try:
                with self._store.begin(write=write) as transaction:
                    return work(transaction)
            except lmdb.MapFullError:
                grow(self._store)

    def _try(self, work: Callable[[], Answer]) -> Answer:
        with TROUBLE:
            try:
                return work()
            except DAMAGED:
                self._store.close()
                move_aside_unsound([self._folder])
                self._store = open_store(self._folder, synced=True, map_size=self._map_size)
                return work()


def _write_slot(slot: Slot) -> bytes:
    return _SLOT.pack(slot.end, slot.begin, DIMENSIONS.index(slot.dimension)) + slot.key.encode()


def _read_slot(key: bytes) -> Slot:
    end, begin, number = _SLOT.unpack_from(key)
    return Slot(begin, end, DIMENSIONS[number], key[_SLOT.size :].decode())


def _turned(pages: Sequence[tuple[int, int]], more: int, keep: int) -> Turned:
    """Return which pages are not needed when a page with ``more`` entries is added, and the number of that page."""
    left = more + sum(size for _, size in pages)
    old = []
    for number, size in pages:
        left -= size
        if left < keep:
            break
        old.append(number)
    return old, pages[-1][0] + 1 if pages else 0


def _add(
    transaction: lmdb.Transaction,
    sums: Mapping[Slot, Sums],
    counted: Mapping[str, tuple[int, Counted]],
    pages: Mapping[str, Turned],
) -> None:
    for window in {_write_slot(slot)[: _WINDOW.size] for slot in sums}:
        _move(transaction, TOLD, OPEN, window)
    for slot, more in sums.items():
        key = OPEN + _write_slot(slot)
        before = transaction.get(key)
        transaction.put(key, _encoder.encode(more if before is None else _decoder.decode(before) + more))
    for queue, (turn, entries) in counted.items():
        old, number = pages[queue]
        page = _NUMBER.pack(turn) + b"".join(_ENTRY.pack(tag, identity) for tag, identity in entries)
        transaction.put(_roll_key(queue, number), page)
        _delete(transaction, [_roll_key(queue, each) for each in old])


def _roll_key(queue: str, number: int) -> bytes:
    return _roll_prefix(queue) + _NUMBER.pack(number)


def _roll_prefix(queue: str) -> bytes:
    return ROLL + queue.encode() + b"\0"


def _pages(transaction: lmdb.Transaction, queue: str) -> Iterator[tuple[int, int]]:
    for key, page in _from(transaction, _roll_prefix(queue)):
        yield _NUMBER.unpack_from(key, len(key) - _NUMBER.size)[0], len(page) // _ENTRY.size


def _rolls(transaction: lmdb.Transaction, queue: str) -> Iterator[tuple[int, Counted]]:
    for _, page in _from(transaction, _roll_prefix(queue)):
        yield _NUMBER.unpack_from(page)[0], list(_ENTRY.iter_unpack(page[_NUMBER.size :]))


def _over(transaction: lmdb.Transaction, kind: bytes, now: int, limit: int) -> Iterator[tuple[Slot, Sums]]:
    window = None
    for number, (key, value) in enumerate(_from(transaction, kind)):
        slot = _read_slot(key[1:])
        if slot.end > now or (number >= limit and (slot.begin, slot.end) != window):
            return
        window = slot.begin, slot.end
        yield slot, _decoder.decode(value)


def _tell(transaction: lmdb.Transaction, windows: Mapping[bytes, Mapping[bytes, bytes]]) -> None:
    for window, told in windows.items():
        if dict(_from(transaction, OPEN + window)) == told:
            _move(transaction, OPEN, TOLD, window)


def _move(transaction: lmdb.Transaction, before: bytes, after: bytes, window: bytes) -> None:
    for key, value in list(_from(transaction, before + window)):
        transaction.delete(key)
        transaction.put(after + key[1:], value)


def _delete(transaction: lmdb.Transaction, keys: Iterable[bytes]) -> None:
    for key in keys:
        transaction.delete(key)


def _from(transaction: lmdb.Transaction, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    cursor = transaction.cursor()
    if cursor.set_range(prefix):
        for key, value in cast("Iterator[tuple[bytes, bytes]]", cursor):
            if not key.startswith(prefix):
                return
            yield key, value
