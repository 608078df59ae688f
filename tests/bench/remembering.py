"""How fast a winnow is that remembers much already, and how much of that is in its own memory."""

import random
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from contenders import Track, Winnowry
from races import Run, run, table

from winnowry.io.memory import Memory
from winnowry.runners.servers.management import Broker
from winnowry.schemas.history import ANNOUNCER_BYTES, CONTENT_BYTES, History, Said, Saying

SIZES = (50_000, 1_000_000, 10_000_000)
MESSAGES = 40_000
BATCH = 500_000


class Remembering:
    """A part of the benchmark: the same winnow with memories of these sizes."""

    def __init__(self, sizes: Sequence[int] = SIZES, messages: int = MESSAGES) -> None:
        self._sizes = sizes
        self._messages = messages

    def measure(self, rabbit: Broker, runs: int) -> dict[str, list[Run]]:
        """Return the runs with each size. A memory is filled once; what later runs add to it is little."""
        done: dict[str, list[Run]] = {f"{size:,}": [] for size in self._sizes}
        with TemporaryDirectory() as folder:
            for size in self._sizes:
                fill(Path(folder, str(size)), size)
            for number in range(runs):
                for size in self._sizes:
                    contender = Experienced(Path(folder, str(size)))
                    done[f"{size:,}"].append(run(rabbit, contender, "winnow", self._messages, first=number * self._messages))
                    print(f"remembering {number + 1}/{runs} {size}: {done[f'{size:,}'][-1]}", file=sys.stderr, flush=True)
        return done

    def page(self, runs: dict[str, list[Run]]) -> list[str]:
        """Return the table."""
        return table("fingerprints", runs, next(iter(runs)))


class Experienced(Winnowry):
    """A winnow on `direct` that goes on with the memory in a folder."""

    def __init__(self, memory: Path) -> None:
        super().__init__("winnowry", "direct")
        self._memory = memory

    def prepare(self, track: Track, kind: str) -> None:
        super().prepare(track, kind)
        home = track.folder / "state" / "pump"
        home.mkdir(parents=True)
        (home / "memory").symlink_to(self._memory)


def fill(folder: Path, size: int) -> None:
    """Let a memory remember so many paths, of each of which two announcers have said the same content."""
    began = time.monotonic()
    memory = Memory(folder, remember=timedelta(days=3), shared=False)
    portions = histories(size)
    while portion := dict(islice(portions, BATCH)):
        memory.commit(portion)
    memory.close()
    print(f"remembering: {size:,} paths in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def histories(size: int) -> Iterator[tuple[bytes, History]]:
    """Yield so many paths, and what is remembered of each; the same ones for the same number."""
    chance = random.Random(size)
    announcers = [chance.randbytes(ANNOUNCER_BYTES) for _ in range(2)]
    now = time.time_ns()
    for _ in range(size):
        content = chance.randbytes(CONTENT_BYTES)
        said = Said({content: Saying(1, now)})
        yield chance.randbytes(16), History({content: 1}, dict.fromkeys(announcers, said), announcers[0], news_at=now)
