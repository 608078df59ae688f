"""Announcing a tree: `winnowry post` beside `sr3_post`, on one broker, of one tree, in one go on one machine.

What counts is how long the command takes from its start to its end; how fast announcements come, from the first tenth to the
last twentieth, is told beside it. Runs alternate. A run counts only if every file was announced once, with its own checksum.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from brokers import Vhost
from contests import Run, alternate, compared, exact
from samples import Samples
from sr3 import PROGRAMS, Sr3
from trees import SourceTree
from winnowry_cli import Winnowry as Command

from winnowry.runners.servers.management import Broker
from winnowry.runners.servers.owned import Owned
from winnowry.runners.servers.rabbitmq import broker

NAME = "posting"
TO, EAR = "xs_alice", "ear"
URL = "https://files.example.org/"
FROM, UNTIL = 0.10, 0.95
SECONDS = 300.0
"""How long a run may take."""
SIZE, COUNT = 10_000, 10_000
COLUMNS = {
    "files": "files/s, start to end",
    "announcements": "announcements/s, meanwhile",
    "microseconds": "processor µs a file",
    "memory": "peak MB (anonymous)",
}


@dataclass(frozen=True, kw_only=True)
class Course:
    """Where one contender runs: a virtual host with the exchange of ``alice``, her tree, and a folder of its own."""

    vhost: Vhost
    source: SourceTree
    folder: Path
    stack: ExitStack = field(repr=False)


class Poster(Protocol):
    """A program that announces all files of a tree, and ends."""

    name: str

    def start(self, course: Course) -> Owned:
        """Begin to announce."""


class Winnowry:
    """`winnowry post`."""

    name = "winnowry"

    def start(self, course: Course) -> Owned:
        command = Command(course.folder, course.stack)
        url = course.vhost.add_user("alice")
        command.trust(url)
        tree = str(course.source.root)
        return command.start("post", tree, "--to", url, "--base-url", URL, "--base-dir", tree)


class SarraceniaV3:
    """`sr3_post`."""

    name = "sr3_post"

    def start(self, course: Course) -> Owned:
        program = Sr3(course.folder, course.stack)
        target = {"post_broker": course.vhost.add_user("alice"), "post_exchange": TO}
        program.configure("post", "alice", **target, post_baseUrl=URL, post_baseDir=course.source.root)
        return program.begin("post", "sr3_post", "-c", "alice", "-p", str(course.source.root))


POSTERS: tuple[Poster, ...] = (Winnowry(), SarraceniaV3())


def measure(rabbit: Broker, runs: int, count: int = COUNT, contenders: Sequence[str] = ()) -> dict[str, Any]:
    """Let all contenders, or those that are named, announce a tree of ``count`` files of 10 kB."""
    chosen = [one for one in POSTERS if not contenders or one.name in contenders]
    with TemporaryDirectory() as scratch:
        source = SourceTree(Path(scratch) / "source", count, SIZE)
        found = alternate(chosen, runs, lambda one: _run(rabbit, one, source, Path(scratch)), NAME)
    return {"count": count, "runs": found, "exact": exact(found)}


def page(content: dict[str, Any]) -> list[str]:
    """Return the table."""
    return compared(f"{content['count']:,} files of 10 kB", content["runs"], COLUMNS, "files")


def _run(rabbit: Broker, one: Poster, source: SourceTree, scratch: Path) -> Run:
    """Let one contender announce the tree once."""
    vhost = Vhost(rabbit)
    rabbit.add_vhost(vhost.name)
    folder = scratch / vhost.name
    folder.mkdir()
    with ExitStack() as stack:
        vhost.add_exchange(TO)
        vhost.queue(EAR, TO)
        began = time.time()
        program = one.start(Course(vhost=vhost, source=source, folder=folder, stack=stack))
        samples = Samples([program])
        laps = _follow(vhost, program, samples)
        program.kill()
        bodies = vhost.take(EAR, laps[-1][1])
    rabbit.remove_vhost(vhost.name)
    return {**_figures(len(source.names), began, laps, samples), "exact": _announced(bodies) == Counter(source.digests.items())}


def _follow(vhost: Vhost, program: Owned, samples: Samples) -> list[tuple[float, int]]:
    """Watch until the program has ended; return how many announcements there were when."""
    laps: list[tuple[float, int]] = []
    with vhost.connect() as connection:
        channel = connection.channel()

        def over() -> bool:
            running = program.running
            laps.append((time.time(), int(channel.queue_declare(EAR, passive=True).method.message_count)))
            return not running

        samples.until(over, SECONDS, f"announcing by {program.name}", every=0.02)
    return laps


def _figures(count: int, began: float, laps: list[tuple[float, int]], samples: Samples) -> dict[str, Any]:
    first = next(lap for lap in laps if lap[1] >= FROM * count)
    last = next(lap for lap in laps if lap[1] >= UNTIL * count)
    return {
        "files": round(count / (laps[-1][0] - began)),
        "announcements": round((last[1] - first[1]) / (last[0] - first[0])),
        "microseconds": round(samples.seconds_between(began, laps[-1][0]) / count * 1e6, 1),
        "memory": round(samples.peak),
    }


def _announced(bodies: Sequence[bytes]) -> Counter[tuple[str, str]]:
    """Return the files that were announced, with their checksums; folders, which both announce too, are left out."""
    posts = (json.loads(body) for body in bodies)
    return Counter((post["relPath"].lstrip("/"), post["identity"]["value"]) for post in posts if "fileOp" not in post)


def main() -> int:
    """Measure, and print the page. Returns 1 where a run does not count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--files", type=int, default=COUNT)
    parser.add_argument("--contenders", nargs="+", choices=[one.name for one in POSTERS], default=[])
    asked = parser.parse_args()
    assert PROGRAMS.exists(), "metpx-sr3 is not installed: run `make interop`"
    with broker() as rabbit:
        content = measure(rabbit, asked.runs, asked.files, asked.contenders)
    print("\n".join(page(content)))
    return 0 if content["exact"] else 1


if __name__ == "__main__":
    sys.exit(main())
