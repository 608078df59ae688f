"""What programs use while they work, looked at again and again."""

import time
from bisect import bisect_left
from collections.abc import Callable, Sequence

from processes import Use, family, use_of

from winnowry.runners.servers.owned import Owned

EVERY = 0.05


class Samples:
    """Samples of what these programs, and all that they start, use together."""

    def __init__(self, programs: Sequence[Owned]) -> None:
        self._programs = programs
        self._taken: list[tuple[float, Use]] = []

    def take(self) -> None:
        """Take a sample."""
        use = use_of([member for program in self._programs for member in family(program.pid)])
        self._taken.append((time.time(), use))

    def until(self, over: Callable[[], bool], seconds: float, what: str, every: float = EVERY) -> None:
        """Take samples until something is so. Fails when it takes longer, or when a program ends badly before."""
        deadline = time.monotonic() + seconds
        self.take()
        while not over():
            for program in self._programs:
                assert program.code in (None, 0), f"{program.name} ended with {program.code}: {program.last_words()}"
            assert time.monotonic() < deadline, f"{what} took longer than {seconds} s"
            time.sleep(every)
            self.take()

    @property
    def peak(self) -> float:
        """The most megabytes of anonymous memory that were seen."""
        return max(use.anonymous for _, use in self._taken)

    def seconds_between(self, first: float, last: float) -> float:
        """Return the processor seconds used between two points in (Unix) time."""
        return self._seconds_at(last) - self._seconds_at(first)

    def _seconds_at(self, when: float) -> float:
        """Return the processor seconds used until then, between two samples in proportion."""
        after = bisect_left(self._taken, when, key=lambda sample: sample[0])
        if after in (0, len(self._taken)):
            return self._taken[min(after, len(self._taken) - 1)][1].seconds
        (then, before), (later, use) = self._taken[after - 1 : after + 1]
        return before.seconds + (use.seconds - before.seconds) * (when - then) / (later - then)
