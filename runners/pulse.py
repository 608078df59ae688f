"""Whether a process answers on its control socket: asked every few seconds, and never waited for."""

import socket
from pathlib import Path

from winnowry.runners.control import short

ASKED_EVERY = 5.0
"""Seconds from an answer to the next question."""

_QUESTION = b'{"do": "ping"}\n'


class Pulse:
    """Asks whoever listens at ``path``. Times are in seconds, by any clock that never steps back.

    Whoever asks may itself have been stopped for a while: the answer that has come meanwhile counts.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line: socket.socket | None = None
        self._asked: float | None = None
        self._due = 0.0

    def silence(self, now: float) -> float:
        """Ask, or look for the answer; return for how long there has been none, 0 when nothing is to be answered."""
        if self._asked is None:
            if now < self._due:
                return 0.0
            self._asked = now
        if not self._answered():
            return now - self._asked
        self.begin(now + ASKED_EVERY)
        return 0.0

    def begin(self, due: float) -> None:
        """Give up what was asked, and ask again from ``due`` on."""
        if self._line is not None:
            self._line.close()
        self._line = self._asked = None
        self._due = due

    def _answered(self) -> bool:
        if self._line is None:
            self._line = self._ask()
        if self._line is None:
            return False
        try:
            answered = bool(self._line.recv(1))
        except BlockingIOError:
            return False
        except ConnectionError:
            answered = False
        self._line.close()
        self._line = None
        return answered

    def _ask(self) -> socket.socket | None:
        line = socket.socket(socket.AF_UNIX)
        line.setblocking(False)
        try:
            with short(self._path) as name:
                line.connect(name)
            line.sendall(_QUESTION)
        except OSError:  # nobody listens yet, or too many wait to be heard
            line.close()
            return None
        return line
