"""Somebody who hears everything that an exchange is told, and when."""

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import msgspec
from brokers import Vhost, eventually

QUIET_SECONDS = 0.2


class _Told(msgspec.Struct):
    rel_path: str = msgspec.field(name="relPath")


class Ear:
    """How often each path was announced, and when (Unix time) it was for the first time. It listens on a thread of its own."""

    def __init__(self, vhost: Vhost, exchange: str) -> None:
        self.heard: Counter[str] = Counter()
        self.first: dict[str, float] = {}
        self._vhost, self._queue = vhost, f"ear_{exchange}"
        vhost.queue(self._queue, exchange)
        self._over = threading.Event()
        self._decoder = msgspec.json.Decoder(_Told)
        self._thread = threading.Thread(target=self._listen, name=self._queue, daemon=True)

    def wait(self, count: int, seconds: float) -> None:
        """Wait until so many different paths were heard."""
        eventually(lambda: len(self.first) >= count, seconds, f"{self._queue} hearing of {count} files, not {len(self.first)},")

    def hears_all(self, paths: Collection[str], seconds: float) -> None:
        """Wait until each of these was heard, or ``seconds`` have passed in which nothing was."""
        deadline, count = time.monotonic() + seconds, -1
        while not self.first.keys() >= set(paths) and time.monotonic() < deadline:
            if self.heard.total() != count:
                deadline, count = time.monotonic() + seconds, self.heard.total()
            self._over.wait(QUIET_SECONDS)

    def forget(self) -> None:
        """Forget everything that was heard."""
        self.heard, self.first = Counter(), {}

    def _listen(self) -> None:
        with self._vhost.connect() as connection:
            channel = connection.channel()
            for method, _, body in channel.consume(self._queue, auto_ack=True, inactivity_timeout=QUIET_SECONDS):
                if method is not None:
                    self._note(self._decoder.decode(body).rel_path)
                elif self._over.is_set():
                    break

    def _note(self, path: str) -> None:
        self.first.setdefault(path, time.time())
        self.heard[path] += 1

    def close(self) -> None:
        """Hear out what is there, and end."""
        self._over.set()
        self._thread.join()

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()


@contextmanager
def ear(vhost: Vhost, exchange: str) -> Iterator[Ear]:
    """Yield an ear for an exchange."""
    listening = Ear(vhost, exchange)
    listening.start()
    try:
        yield listening
    finally:
        listening.close()
