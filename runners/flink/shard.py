"""One shard of what a pump remembers, as Beam's keyed state holds it: changes, one after another, packed into blobs.

The state of a shard is an append-only bag of blobs; what a path was last said to be hides what was said before. When more has
been appended than lives, or a day has passed, the living is written anew and the rest is forgotten: the state stays bounded.
"""

import struct
from collections.abc import Iterable, Iterator

from winnowry.schemas.history import History

SHARDS = 32
"""How many shards a pump's memory has, and how many subtasks can share it. Part of the savepoints' format.

A bundle brings one element to each shard that it has something for, and an element costs more than what is in it.
"""

DAY = 86_400

_RECORD = struct.Struct(">16sIH")
"""Path (16 bytes), day (u32, days of Unix time), length of the packed history (u16), which follows."""

_ROOM = 64 * 1024
"""Bytes that may be appended before anything is written anew, however little lives."""


def shard_of(path: bytes) -> int:
    """Return the shard of a path's key.

    >>> shard_of(bytes.fromhex("ff" + "00" * 15))
    31
    """
    return path[0] % SHARDS


class Shard:
    """The histories of the paths of one shard, and what has been said of them since the last ``changes``."""

    def __init__(self, blobs: Iterable[bytes] = (), *, days: int = 3) -> None:
        """``days`` is how many whole days a history is remembered after it last changed."""
        self._days = days
        self._records: dict[bytes, bytes] = {}
        self._changed: set[bytes] = set()
        self._stored = self._living = 0
        self._oldest = 2**32 - 1
        for blob in blobs:
            self._stored += len(blob)
            for path, record in _records(blob):
                self._put(path, record)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def size(self) -> int:
        """Bytes of what lives."""
        return self._living

    def read(self, path: bytes) -> History | None:
        """Return what is remembered of a path."""
        record = self._records.get(path)
        return History.unpack(record[_RECORD.size :]) if record is not None else None

    def write(self, path: bytes, history: History, now: float) -> None:
        """Remember this from now (Unix time) on."""
        packed = history.pack()
        self._put(path, _RECORD.pack(path, int(now // DAY), len(packed)) + packed)
        self._changed.add(path)

    def changes(self, now: float) -> tuple[bool, bytes]:
        """Return whether the bag is to be emptied, and the blob to be added: what has changed, or all that lives."""
        blob = b"".join(self._records[path] for path in self._changed)
        self._changed.clear()
        anew = self._stored + len(blob) > max(_ROOM, 2 * self._living) or self._oldest < int(now // DAY) - self._days
        if anew:
            self._forget(int(now // DAY) - self._days)
            blob = b"".join(self._records.values())
            self._stored = 0
        self._stored += len(blob)
        return anew, blob

    def _put(self, path: bytes, record: bytes) -> None:
        former = self._records.pop(path, b"")
        self._records[path] = record
        self._living += len(record) - len(former)
        self._oldest = min(self._oldest, _day_of(record))

    def _forget(self, oldest: int) -> None:
        self._records = {path: record for path, record in self._records.items() if _day_of(record) >= oldest}
        self._living = sum(map(len, self._records.values()))
        self._oldest = min(map(_day_of, self._records.values()), default=2**32 - 1)


def _day_of(record: bytes) -> int:
    return int.from_bytes(record[16:20])


def _records(blob: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place < len(blob):
        path, _, length = _RECORD.unpack_from(blob, place)
        end = place + _RECORD.size + length
        yield path, blob[place:end]
        place = end
