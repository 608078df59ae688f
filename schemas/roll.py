"""Who was counted off a queue already: tells a message that comes again from another that says the same."""

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable
from sys import maxsize


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
