"""Who was counted, as Beam's keyed state holds it: pages in an append-only bag, and beside them what the last call has left."""

import os
from collections.abc import Callable, Iterable, Sequence

import msgspec

from winnowry.runners.flink.ticks import Tick
from winnowry.schemas.roll import Channel, Roll

Entry = tuple[str, int, int, bytes]
"""Queue, turn of its channel, tag and identity of a message that was counted."""


class Left(msgspec.Struct, kw_only=True, array_like=True):
    """What a call leaves to the next: channels by queue (epoch, turn, epochs that are gone), how many entries the pages have.

    ``counted_at`` is the time of the last counting (Unix nanoseconds); ``name`` is a random name for the state as it is now.
    """

    channels: dict[str, tuple[int, int, tuple[int, ...]]] = {}
    entries: int = 0
    counted_at: int = 0
    name: bytes = b""


class RollCall:
    """Calls upon messages in the order in which they came, and tells those that are new.

    ``pages`` returns the pages of the state; it is asked only where a channel was replaced. ``keep`` is how many of a queue may
    be unsettled.
    """

    def __init__(self, left: Left, pages: Callable[[], Iterable[bytes]], keep: int) -> None:
        self._pages, self._keep = pages, keep
        self._channels = {queue: self._again(queue, *channel) for queue, channel in left.channels.items()}
        self._entries = left.entries
        self.counted_at = left.counted_at
        self.replaced = False

    def _again(self, queue: str, epoch: int, turn: int, gone: Sequence[int]) -> Channel:
        return Channel(epoch, turn, self._roll(queue, turn), gone)

    def _roll(self, queue: str, turn: int) -> Roll:
        """Return who was counted in the turns before this one, in the order in which they lay in the queue."""
        return Roll(identity for _, before, _, identity in self._entries_of(queue) if before < turn)

    def _entries_of(self, queue: str) -> list[Entry]:
        entries = (entry for page in self._pages() for entry in unpack_page(page))
        return sorted(entry for entry in entries if entry[0] == queue)[-self._keep :]

    def call(self, ticks: Iterable[Tick], pages: Callable[[], Iterable[bytes]]) -> list[Tick]:
        """Return those that are to be counted; ``replaced`` tells whether one came off a channel that was not there before."""
        self._pages, self.replaced = pages, False
        return [tick for tick in ticks if self._is_new(tick)]

    def _is_new(self, tick: Tick) -> bool:
        channel = self._channels.get(tick.queue)
        if channel is None or not channel.hands_out(tick.epoch):
            before = channel or Channel(0, 0, Roll())
            channel = before.followed_by(tick.epoch, self._roll(tick.queue, before.turn + 1))
            self._channels[tick.queue] = channel
            self.replaced = True
        return channel.is_new(tick.delivery, tick.identity)

    def page(self, ticks: Iterable[Tick]) -> bytes:
        """Return the page of those that are counted now."""
        entries = [(tick.queue, self._channels[tick.queue].turn, tick.tag, tick.identity) for tick in ticks]
        self._entries += len(entries)
        return _encode(entries)

    def anew(self) -> bytes | None:
        """Return one page for all that is to be kept, when there are twice as many; else None."""
        if self._entries <= 2 * self._keep * len(self._channels):
            return None
        kept = [entry for queue in self._channels for entry in self._entries_of(queue)]
        self._entries = len(kept)
        return _encode(kept)

    def left(self, counted_at: int) -> Left:
        """Return what is left to the next call, after a counting at this time."""
        self.counted_at = counted_at
        channels = {queue: (channel.epoch, channel.turn, channel.gone) for queue, channel in self._channels.items()}
        return Left(channels=channels, entries=self._entries, counted_at=counted_at, name=os.urandom(8))


_encode = msgspec.msgpack.Encoder().encode
_page = msgspec.msgpack.Decoder(list[Entry])
_left = msgspec.msgpack.Decoder(Left)


def unpack_page(page: bytes) -> list[Entry]:
    """Return the entries of a page."""
    return _page.decode(page)


def pack_left(left: Left) -> bytes:
    """Return the bytes of what a call leaves."""
    return _encode(left)


def unpack_left(packed: bytes) -> Left:
    """Return what ``pack_left`` packed; nothing is left where nothing was written."""
    return _left.decode(packed) if packed else Left()


def windows_after(before: int, now: int, length: int, most: int) -> Sequence[int]:
    """Return the beginnings of the windows after that of ``before``, up to that of ``now``, all in nanoseconds.

    Where there are many, these are the first and the last ``most`` of them.

    >>> list(windows_after(25, 47, 10, 9)), list(windows_after(5, 95, 10, 2))
    ([30, 40], [10, 20, 80, 90])
    """
    begins = range(before // length * length + length, now // length * length + 1, length)
    return begins if len(begins) <= 2 * most else [*begins[:most], *begins[-most:]]
