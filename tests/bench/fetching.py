"""Fetching files over HTTP, side by side with what else a user could run, in one go on one machine.

The announcements wait in the queue before a contender is started, with the sha512 of each file. The kernel notes when each file
got its name; what counts is how fast they come: from the first tenth to the last twentieth of small files, and of large ones
from the first byte of the first to the last of the last. Runs alternate, each with a fresh folder; all folders are removed
after the last run, since removing a tree slows the next. Before each run memory is filled, as it is on a machine that has been
up for a while: on a virtual one, writing to what is not in use may take ten times longer. Then the source is read once. A run
counts only if exactly the announced files are there, with the right checksums, nothing beside them, and (by those that
announce) an announcement of each.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pika
from brokers import Vhost
from contests import Run, alternate, compared, exact
from fetchers import IN, OUT, Course, Fetcher, fetchers
from processes import MEGABYTE
from samples import EVERY, Samples
from trees import SourceTree, digests, is_empty, placed_at

from winnowry.runners.servers.management import Broker
from winnowry.runners.servers.nginx import FileServer
from winnowry.runners.servers.owned import Owned
from winnowry.runners.servers.rabbitmq import broker
from winnowry.schemas.topics import topic_of
from winnowry.schemas.v03 import write_v03

NAME = "fetching"
EAR = "ear"
FROM, TO = 0.10, 0.95
FEW = 100
"""Files of which all count, from the first byte of the first on."""
PIECE = 1 << 20
SECONDS = 300.0
"""How long a run may take."""
COLUMNS = {
    "files": "files/s",
    "megabytes": "MB/s",
    "microseconds": "processor µs a file",
    "memory": "peak MB (anonymous)",
}


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the files are, and how many of them a run fetches."""

    name: str
    size: int
    count: int

    @property
    def few(self) -> bool:
        """Whether a run fetches so few files that all of them have to count."""
        return self.count < FEW

    @property
    def often(self) -> int:
        """How many runs one run is: few files are over in two seconds, and vary more."""
        return 2 if self.few else 1


SMALL = (Size(name="10 kB", size=10_000, count=8_000), Size(name="100 kB", size=100_000, count=3_000))
LARGE = (Size(name="100 MB", size=100_000_000, count=8),)
SIZES = (*SMALL, *LARGE)


@dataclass(frozen=True, kw_only=True)
class Fetching:
    """All contenders, or those that are named, fetch files of each of these sizes."""

    sizes: Sequence[Size]
    contenders: Sequence[str] = ()

    def measure(self, rabbit: Broker, runs: int) -> dict[str, Any]:
        """Let them fetch so often."""
        content: dict[str, Any] = {"counts": {size.name: size.count for size in self.sizes}, "sizes": {}}
        for size in self.sizes:
            content["sizes"][size.name] = self._measure(rabbit, runs, size)
        content["exact"] = all(exact(each) for each in content["sizes"].values())
        return content

    def page(self, content: dict[str, Any]) -> list[str]:
        """Return the tables."""
        lines = ["Announced with their sha512; the announcements wait before a program is started.", ""]
        for name, runs in content["sizes"].items():
            lines += [*compared(f"{content['counts'][name]:,} files of {name}", runs, COLUMNS, "files"), ""]
        return lines

    def _measure(self, rabbit: Broker, runs: int, size: Size) -> dict[str, list[Run]]:
        chosen = [one for one in fetchers() if not self.contenders or one.name in self.contenders]
        racers = [one for one in chosen if size.few or not one.only_large]
        with TemporaryDirectory() as scratch, ExitStack() as stack:
            source = SourceTree(Path(scratch) / "source", size.count, size.size)
            server = stack.enter_context(FileServer(source.root))

            def run(one: Fetcher) -> Run:
                return _run(rabbit, one, source, server.url, Path(scratch))

            return alternate(racers, runs * size.often, run, f"{NAME} {size.name}")


def _run(rabbit: Broker, one: Fetcher, source: SourceTree, url: str, scratch: Path) -> Run:
    """Let one contender fetch all files once."""
    vhost = Vhost(rabbit)
    rabbit.add_vhost(vhost.name)
    (scratch / vhost.name).mkdir()
    with ExitStack() as stack:
        for exchange in (IN, OUT):
            vhost.add_exchange(exchange)
        vhost.queue(EAR, OUT)
        course = Course(vhost=vhost, source=source, url=url, folder=scratch / vhost.name, stack=stack)
        one.prepare(course)
        if one.queue:
            _load(course)
        fill_page_cache(scratch / f"{vhost.name}.filling")
        assert digests(source.root) == source.digests  # and so it is in memory
        os.sync()  # what was written before is not to be written while this one runs
        programs = one.start(course)
        samples = Samples(programs)
        began = _follow(course, one, programs, samples)
        for program in programs:
            program.kill()
        said = Counter(json.loads(body)["relPath"].lstrip("/") for body in _heard(vhost))
    rabbit.remove_vhost(vhost.name)
    good = digests(course.data) == source.digests and (not one.queue or said == Counter(source.names))
    return {**_figures(course, began, samples), "exact": good}


def fill_page_cache(file: Path) -> None:
    """Let memory hold pages of a new file, which are given up for whatever is written later; it takes no disk.

    The file has to stay: memory that becomes free is given back to the host.
    """
    with file.open("wb") as holes:
        holes.truncate(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    piece = bytearray(PIECE)
    with file.open("rb", buffering=0) as holes:
        while holes.readinto(piece):
            pass


def _heard(vhost: Vhost) -> list[bytes]:
    """Return all that came onward."""
    count = vhost.depth(EAR)
    return vhost.take(EAR, count) if count else []


def _load(course: Course) -> None:
    """Announce all files, persistent."""
    properties = pika.BasicProperties(content_type="application/json", delivery_mode=2)
    with course.vhost.connect() as connection:
        channel = connection.channel()
        for post in course.source.posts(course.url):
            channel.basic_publish(IN, topic_of(post.rel_path), write_v03(post), properties)


def _follow(course: Course, one: Fetcher, programs: Sequence[Owned], samples: Samples) -> float:
    """Watch until all has been fetched and announced; return when the first byte was there."""
    samples.until(lambda: not is_empty(course.data), SECONDS, f"the first file by {one.name}", every=EVERY / 10)
    began = time.time()
    with course.vhost.connect() as connection:
        channel = connection.channel()

        def over() -> bool:
            if not one.queue:
                return not any(program.running for program in programs)
            return int(channel.queue_declare(EAR, passive=True).method.message_count) >= len(course.source.names)

        samples.until(over, SECONDS, f"{len(course.source.names)} files by {one.name}")
    return began


def _figures(course: Course, began: float, samples: Samples) -> dict[str, Any]:
    placed = placed_at(course.data)
    count = len(placed)
    if count < FEW:
        first, last, files = began, placed[-1], count
    else:
        first, last = placed[int(FROM * count)], placed[int(TO * count) - 1]
        files = int(TO * count) - int(FROM * count)
    return {
        "files": round(files / (last - first), 2),
        "megabytes": round(files * course.source.size / (last - first) / MEGABYTE, 1),
        "microseconds": round(samples.seconds_between(first, last) / files * 1e6, 1),
        "memory": round(samples.peak),
    }


def main() -> int:
    """Measure, and print JSON and the page. Returns 1 where a run does not count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", nargs="+", choices=[size.name for size in SIZES], default=[size.name for size in SIZES])
    parser.add_argument("--contenders", nargs="+", choices=[one.name for one in fetchers()], default=[])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="of the files of a full run")
    asked = parser.parse_args()
    sizes = [replace(size, count=max(1, round(size.count * asked.share))) for size in SIZES if size.name in asked.sizes]
    race = Fetching(sizes=sizes, contenders=asked.contenders)
    with broker() as rabbit:
        content = race.measure(rabbit, asked.runs)
    print("\n".join(race.page(content)))
    return 0 if content["exact"] else 1


if __name__ == "__main__":
    sys.exit(main())
