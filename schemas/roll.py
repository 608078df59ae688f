"""Who was counted off a queue already: tells a message that comes again from another that says the same."""

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable
from sys import maxsize

from winnowry.schemas.delivery import Delivery

GONE = 16
"""Channels of a queue that are remembered after they are gone."""


class Roll:
    """The identities of messages that were counted on channels which are gone, in the order in which they lay in the queue.

    What the broker takes back it hands out again in that same order: first the rest of those that were counted, then those that
    were not. So two messages of one channel are never taken for two of the roll in another order, and nothing behind one that
    was not counted is taken for one of the roll. Thereby a message is told from its twin that was counted and settled.

    >>> roll = Roll([b"a", b"b", b"c"])
    >>> [roll.meets(tag, identity) for tag, identity in enumerate([b"b", b"c", b"a"])]
    [True, True, False]
    """

    def __init__(self, counted: Iterable[bytes] = ()) -> None:
        self._places: defaultdict[bytes, list[int]] = defaultdict(list)
        for place, identity in enumerate(counted):
            self._places[identity].append(place)
        self._met: list[tuple[int, int]] = []
        self._first_new: int | None = None

    def meets(self, tag: int, identity: bytes) -> bool:
        """Whether what came again under this tag of the present channel was counted; it may be asked more than once."""
        if self._first_new is not None and tag >= self._first_new:
            return False
        after = bisect(self._met, (tag,))
        if after < len(self._met) and self._met[after][0] == tag:
            return True
        place = self._place_between(identity, after)
        if place is None:
            self._first_new = tag
            return False
        self._met.insert(after, (tag, place))
        return True

    def _place_between(self, identity: bytes, after: int) -> int | None:
        """Return the first place of this identity behind whom its predecessors met, and before whom its successors did."""
        places = self._places.get(identity, ())
        least = self._met[after - 1][1] if after else -1
        most = self._met[after][1] if after < len(self._met) else maxsize
        index = bisect(places, least)
        return places[index] if index < len(places) and places[index] < most else None


class Channel:
    """What one queue hands out now: the ``epoch`` of its channel, which is its ``turn``-th, and the roll of those before it.

    ``gone`` are epochs of channels before it.
    """

    def __init__(self, epoch: int, turn: int, roll: Roll, gone: Iterable[int] = ()) -> None:
        self.epoch, self.turn, self.gone = epoch, turn, tuple(gone)[-GONE:]
        self._roll = roll

    def hands_out(self, epoch: int) -> bool:
        """Whether a Delivery with this epoch is of this channel, or of one before it; else there is another by now."""
        return epoch == self.epoch or epoch in self.gone

    def is_new(self, delivery: Delivery, identity: bytes) -> bool:
        """Whether a Delivery is to be counted. One of a channel that is gone comes again, off this one, and is counted then."""
        if delivery.epoch != self.epoch:
            return False
        return not (delivery.redelivered and self._roll.meets(delivery.tag, identity))

    def followed_by(self, epoch: int, roll: Roll) -> "Channel":
        """Return the channel that has taken its place."""
        return Channel(epoch, self.turn + 1, roll, (*self.gone, self.epoch))
