"""Rates on their way to an exchange: the one for all first, and those of sources and consumers when that is confirmed."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from winnowry.io.broker import Broker, Confirm, Confirmations
from winnowry.schemas.delivery import Message
from winnowry.schemas.rate import Slot, Sums

Figures = tuple[Slot, Sums]
Window = tuple[int, int]


class Telling:
    """The figures of one window, whose telling has begun. ``refused`` says that it has to be told again."""

    def __init__(self, figures: Sequence[Figures]) -> None:
        self.figures = figures
        self.unanswered = 1
        self.sent = 1
        self.refused = False

    @property
    def window(self) -> Window:
        """Begin and end of its window."""
        slot = self.figures[0][0]
        return slot.begin, slot.end


class Tellings:
    """The tellings that the broker has not confirmed. Everything but its answers happens on the thread of the rounds."""

    def __init__(self, target: Broker, written: Callable[[Slot, Sums], Message]) -> None:
        self._target, self._written = target, written
        self._answers: deque[Confirmations] = deque()
        self._underway: dict[Window, Telling] = {}
        self.stir: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._underway)

    def begin(self, figures: Iterable[Figures]) -> None:
        """Tell these, whole windows; those that are being told are passed over."""
        windows = [list(rates) for _, rates in groupby(figures, key=lambda one: (one[0].begin, one[0].end))]
        tellings = [telling for telling in map(Telling, windows) if telling.window not in self._underway]
        self._underway.update({telling.window: telling for telling in tellings})
        self._publish([(telling, telling.figures[0]) for telling in tellings])

    def _publish(self, sendings: Sequence[tuple[Telling, Figures]]) -> None:
        if sendings:
            self._target.publish([(telling, self._written(*figures)) for telling, figures in sendings], self._answered)

    def _answered(self, confirmations: Confirmations) -> None:
        self._answers.append(confirmations)
        if self.stir is not None:
            self.stir()

    def advance(self) -> list[Telling]:
        """Go on with what the broker has answered; return the tellings that are over."""
        answered: list[Telling] = []
        while self._answers:
            for telling, answer in self._answers.popleft():
                telling.unanswered -= 1
                telling.refused = telling.refused or answer is not Confirm.CONFIRMED
                if not telling.unanswered:
                    answered.append(telling)
        going_on = [telling for telling in answered if not telling.refused and telling.sent < len(telling.figures)]
        for telling in going_on:
            telling.unanswered, telling.sent = len(telling.figures) - 1, len(telling.figures)
        self._publish([(telling, figures) for telling in going_on for figures in telling.figures[1:]])
        over = [telling for telling in answered if telling not in going_on]
        for telling in over:
            del self._underway[telling.window]
        return over
