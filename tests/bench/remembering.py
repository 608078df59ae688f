"""How fast a winnow is that remembers much already, and how much of that is in its own memory."""

import random
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from contenders import Track, Winnowry
from contests import Run, alternate, compared
from races import COLUMNS, run

from winnowry.io.memory import Memory
from winnowry.runners.servers.management import Broker
from winnowry.schemas.history import ANNOUNCER_BYTES, CONTENT_BYTES, History, Said, Saying

SIZES = (50_000, 1_000_000, 10_000_000)
MESSAGES = 40_000
PORTIONS = 10


class Remembering:
    """A part of the benchmark: the same winnow with memories of these sizes."""

    def __init__(self, sizes: Sequence[int] = SIZES, messages: int = MESSAGES) -> None:
        self._sizes = sizes
        self._messages = messages

    def measure(self, rabbit: Broker, runs: int) -> dict[str, list[Run]]:
        """Return the runs with each size. A memory is filled once; what later runs add to it is little."""
        with TemporaryDirectory() as folder:
            winnows = [Experienced(Path(folder, str(size)), size) for size in self._sizes]
            for winnow in winnows:
                fill(winnow.memory, winnow.size)
            return alternate(winnows, runs, partial(self._run, rabbit), "remembering")

    def _run(self, rabbit: Broker, winnow: "Experienced") -> Run:
        winnow.runs += 1  # each run announces other files
        return run(rabbit, winnow, "winnow", self._messages, first=winnow.runs * self._messages)

    def page(self, runs: dict[str, list[Run]]) -> list[str]:
        """Return the table."""
        return compared("fingerprints", runs, COLUMNS, "rate", next(iter(runs)))


class Experienced(Winnowry):
    """A winnow on `direct` that goes on with the memory in a folder."""

    def __init__(self, memory: Path, size: int) -> None:
        super().__init__(f"{size:,}", "direct")
        self.memory, self.size, self.runs = memory, size, 0

    def prepare(self, track: Track, kind: str) -> None:
        super().prepare(track, kind)
        home = track.folder / "state" / "pump"
        home.mkdir(parents=True)
        (home / "memory").symlink_to(self.memory)


def fill(folder: Path, size: int) -> None:
    """Let a memory remember so many paths, of each of which two announcers have said the same content.

    Paths come in no order, and in portions, so that the tree's pages are filled as arrivals fill them: to two thirds. Pages
    filled in the order of their keys are full, and whatever is remembered next splits one: three times as dear.
    """
    began = time.monotonic()
    memory = Memory(folder, remember=timedelta(days=3), shared=False)
    remembered = histories(size)
    while portion := dict(islice(remembered, max(1, size // PORTIONS))):
        memory.commit(portion)
    memory.close()
    print(f"remembering: {size:,} paths in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def histories(size: int) -> Iterator[tuple[bytes, History]]:
    """Yield so many paths in no order, and what is remembered of each; the same ones for the same number."""
    chance = random.Random(size)
    announcers = [chance.randbytes(ANNOUNCER_BYTES) for _ in range(2)]
    now = time.time_ns()
    for _ in range(size):
        content = chance.randbytes(CONTENT_BYTES)
        said = Said({content: Saying(1, now)})
        yield chance.randbytes(16), History({content: 1}, dict.fromkeys(announcers, said), announcers[0], news_at=now)
