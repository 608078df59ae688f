"""The clock of a worker, which is never set back: what is read after a watermark was told is not older than that."""

import threading
import time
from collections.abc import Callable


class SteadyClock:
    """Shows ``clock`` (Unix time); when that is set back, it stands still until the time has come again. Safe for threads.

    >>> shown = iter([10.0, 7.0, 11.0])
    >>> clock = SteadyClock(lambda: next(shown))
    >>> clock(), clock(), clock()
    (10.0, 10.0, 11.0)
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._latest = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """Return the time."""
        with self._lock:
            self._latest = max(self._latest, self._clock())
            return self._latest


now = SteadyClock()
"""The one of this process."""
