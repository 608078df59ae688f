"""When a Delivery may be acknowledged: once a checkpoint that surely holds what became of it has completed.

Beam finalizes a mark when some checkpoint has completed, for every bundle that was finished by then, also those finished after
the checkpoint's snapshot was taken: with state behind the source, acknowledging there loses what no checkpoint holds. A mark
that was *made* after another was finalized belongs to a later snapshot, so when the later one is finalized, the earlier may be
acknowledged. One checkpoint at a time, with a pause between two, makes that order certain (``runners/flink/options.py``).
"""

from collections import deque
from collections.abc import Sequence

import msgspec

from winnowry.schemas.delivery import Delivery


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A position of one reader: all that ``station`` (a name that no other ever had) handed out up to ``number``."""

    station: str
    number: int


class Acknowledgements:
    """What was handed out and is not acknowledged yet, and the marks it lies between. Not safe for threads.

    >>> book = Acknowledgements()
    >>> book.hand_out([Delivery(body=b"", queue="q", exchange="x", tag=1)])
    >>> first = book.mark()
    >>> book.finalize(first)
    []
    >>> [delivery.tag for delivery in book.finalize(book.mark())]
    [1]
    """

    def __init__(self) -> None:
        self._since_mark: list[Delivery] = []
        self._covered: deque[tuple[int, list[Delivery]]] = deque()
        self._made_after: dict[int, int] = {}
        self._finalized: deque[tuple[int, int]] = deque()
        self._finalizes = 0
        self.last = 0

    def hand_out(self, deliveries: Sequence[Delivery]) -> None:
        """Take note of what the next mark will cover."""
        self._since_mark.extend(deliveries)

    def mark(self) -> int:
        """Return the number of a mark that covers everything handed out so far."""
        self.last += 1
        self._covered.append((self.last, self._since_mark))
        self._made_after[self.last] = self._finalizes
        self._since_mark = []
        return self.last

    def finalize(self, number: int) -> list[Delivery]:
        """Return what may be acknowledged now that the mark ``number`` is finalized; one that is unknown changes nothing."""
        made_after = self._made_after.get(number)
        if made_after is None:
            return []
        self._finalizes += 1
        self._finalized.append((self._finalizes, number))
        surely = 0
        while self._finalized and self._finalized[0][0] <= made_after:
            surely = max(surely, self._finalized.popleft()[1])
        return self._take(surely)

    def ends_with(self, number: int) -> bool:
        """Whether nothing was handed out after the mark ``number``, also not by a bundle that failed before it made its own."""
        return number == self.last and not self._since_mark

    def _take(self, number: int) -> list[Delivery]:
        taken: list[Delivery] = []
        while self._covered and self._covered[0][0] <= number:
            passed, deliveries = self._covered.popleft()
            del self._made_after[passed]
            taken.extend(deliveries)
        return taken

    @property
    def open(self) -> int:
        """How many Deliveries are not acknowledged yet."""
        return len(self._since_mark) + sum(len(deliveries) for _, deliveries in self._covered)
