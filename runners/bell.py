"""Wake a thread that waits: from any thread, and from a signal handler.

A handler runs on the main thread amid whatever that does. Where it sets a ``threading.Event`` at a moment at which the main
thread holds the lock of that event, since it waits for it or sets it too, it waits for ever: a pump that is asked to end would
not.
"""

import signal
from contextlib import suppress
from queue import Empty, SimpleQueue


class Bell:
    """Rings until it is hushed. Rests on ``SimpleQueue.put``, which may interrupt itself and every other of its methods."""

    def __init__(self) -> None:
        self.rung = False
        self._rings: SimpleQueue[None] = SimpleQueue()

    def ring(self) -> None:
        """End the present ``wait``, and the next ones until ``hush``."""
        self.rung = True
        if self._rings.empty():
            self._rings.put(None)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it rings, for at most so long (None: for ever); return whether it has. One thread may wait at a time."""
        if not self.rung:
            with suppress(Empty):
                self._rings.get(timeout=seconds)
        return self.rung

    def hush(self) -> None:
        """Let the next ``wait`` wait again; a ring meanwhile is not lost."""
        self.rung = False
        with suppress(Empty):
            while True:
                self._rings.get_nowait()


def asked_to_end() -> Bell:
    """Return a bell that SIGTERM and Ctrl-C ring from now on; to be called on the main thread."""
    bell = Bell()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: bell.ring())
    return bell
