"""The shards that a worker has in memory, so that their state is not read from Flink at each bundle."""

from collections import OrderedDict
from threading import Lock

from winnowry.runners.flink.shard import Shard

LIMIT = 512 * 1024 * 1024
"""Bytes of histories that a worker keeps of one pump; shards that have not been used for longest make room."""


class Shards:
    """The shards of one pump in this process, each with the name of the state that it is. Safe for threads.

    A shard is taken out while somebody works on it: whoever comes too late, as a bundle of a job that was cancelled, finds none
    and reads the state.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._kept: OrderedDict[int, tuple[bytes, Shard]] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def take(self, number: int, name: bytes) -> Shard | None:
        """Return a shard whose state bears this name; None where it is not kept, or another."""
        with self._lock:
            kept = self._kept.pop(number, None)
            if kept is None:
                return None
            self._size -= kept[1].size
            return kept[1] if kept[0] == name else None

    def look(self, number: int) -> Shard | None:
        """Return a shard as it was last kept, whether its state has since been rolled back or not; None where there is none."""
        kept = self._kept.get(number)
        return kept[1] if kept is not None else None

    def put(self, number: int, name: bytes, shard: Shard) -> None:
        """Keep a shard whose state now bears this name."""
        with self._lock:
            former = self._kept.pop(number, None)
            self._kept[number] = name, shard
            self._size += shard.size - (former[1].size if former is not None else 0)
            while self._size > self._limit and len(self._kept) > 1:
                self._size -= self._kept.popitem(last=False)[1][1].size


_SHARDS: dict[str, Shards] = {}
_OPENING = Lock()


def shards_of(pump: str) -> Shards:
    """Return the shards of a pump in this process."""
    with _OPENING:
        return _SHARDS.setdefault(pump, Shards())
