"""Measure pumps side by side with what else a user could run, in one go on one machine, and write the tables.

Each contender gets the same announcements, waiting in its queue before it is started; what counts is how fast they come onward,
from the first tenth to the last twentieth. Runs alternate. A run counts only if exactly the announced paths came onward.
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import evidence
import pika
from announced import announcements
from brokers import Vhost
from contenders import CONTENDERS, IN, OUT, Contender, Track
from processes import Use, family, use_of

from winnowry.runners.servers.management import Broker
from winnowry.runners.servers.owned import Owned
from winnowry.runners.servers.rabbitmq import broker
from winnowry.schemas.post import Post
from winnowry.schemas.topics import topic_of
from winnowry.schemas.v03 import write_v03

RACES = {"relay": "shovel", "winnow": "winnow"}
SOURCES = {"relay": ("alice",), "winnow": ("alice", "bob")}
EAR = "ear"
FROM, TO = 0.10, 0.95
SECONDS = 300.0
"""How long a run may take."""

Run = dict[str, Any]


def load(vhost: Vhost, posts: Iterable[Post]) -> None:
    """Publish them all, persistent and confirmed."""
    properties = pika.BasicProperties(content_type="application/json", delivery_mode=2)
    with vhost.connect() as connection:
        channel = connection.channel()
        for post in posts:
            channel.basic_publish(IN, topic_of(post.rel_path), write_v03(post), properties)


class Stopwatch:
    """Watches how many announcements have come onward, and what the program uses meanwhile."""

    def __init__(self, vhost: Vhost, program: Owned, expected: int) -> None:
        self._vhost, self._program, self._expected = vhost, program, expected
        self._laps: list[tuple[float, int, Use]] = []
        self.peak = 0.0

    def follow(self) -> None:
        """Watch until all have come. Raises AssertionError when they do not come in time."""
        deadline = time.monotonic() + SECONDS
        with self._vhost.connect() as connection:
            channel = connection.channel()
            while True:
                count = int(channel.queue_declare(EAR, passive=True).method.message_count)
                use = use_of(family(self._program.pid))
                self._laps.append((time.monotonic(), count, use))
                self.peak = max(self.peak, use.anonymous)
                if count >= self._expected:
                    return
                assert self._program.running and time.monotonic() < deadline, f"{count} of {self._expected} came onward"
                connection.sleep(0.05)

    def rate(self, entered: int) -> tuple[float, float]:
        """Return announcements a second, and processor microseconds for each, in terms of what ``entered``."""
        first = next(lap for lap in self._laps if lap[1] >= FROM * self._expected)
        last = next(lap for lap in self._laps if lap[1] >= TO * self._expected)
        share = (last[1] - first[1]) / self._expected * entered
        return share / (last[0] - first[0]), (last[2].seconds - first[2].seconds) / share * 1e6


def run(rabbit: Broker, contender: Contender, race: str, count: int) -> Run:
    """Let one contender run once."""
    kind, expected = RACES[race], count // len(SOURCES[race])
    vhost = Vhost(rabbit)
    rabbit.add_vhost(vhost.name)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        for exchange in (IN, OUT):
            vhost.add_exchange(exchange)
        vhost.queue(EAR, OUT)
        track = Track(vhost=vhost, folder=Path(folder), stack=stack)
        contender.prepare(track, kind)
        posts = list(islice(announcements(SOURCES[race]), count))
        load(vhost, posts)
        program = contender.start(track, kind)
        watch = Stopwatch(vhost, program, expected)
        watch.follow()
        rate, cost = watch.rate(count)
        onward = Counter(json.loads(body)["relPath"] for body in vhost.take(EAR, expected))
        exact = onward == Counter({post.rel_path: 1 for post in posts})
        program.kill()
    rabbit.remove_vhost(vhost.name)
    return {"rate": round(rate), "microseconds": round(cost, 1), "megabytes": round(watch.peak), "exact": exact}


def main() -> int:
    """Run the races. Returns 1 where a run lost or doubled something."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--races", nargs="+", choices=RACES, default=list(RACES))
    parser.add_argument("--contenders", nargs="+", choices=[one.name for one in CONTENDERS])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--evidence", type=Path)
    asked = parser.parse_args()
    chosen = [one for one in CONTENDERS if not asked.contenders or one.name in asked.contenders]
    content: dict[str, Any] = {**evidence.circumstances(), "messages": asked.messages, "races": {}}
    with broker() as rabbit:
        for race in asked.races:
            content["races"][race] = _race(rabbit, [one for one in chosen if RACES[race] in one.kinds], race, asked)
    print("\n".join(page(content)))
    if asked.evidence is not None:
        evidence.write(asked.evidence, content, "\n".join(page(content)) + "\n")
    return 0 if all(each["exact"] for race in content["races"].values() for runs in race.values() for each in runs) else 1


def _race(rabbit: Broker, contenders: Sequence[Contender], race: str, asked: argparse.Namespace) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {one.name: [] for one in contenders}
    for number in range(asked.runs):
        for one in contenders:
            runs[one.name].append(run(rabbit, one, race, asked.messages))
            print(f"{race} {number + 1}/{asked.runs} {one.name}: {runs[one.name][-1]}", file=sys.stderr, flush=True)
    return runs


def page(content: dict[str, Any]) -> list[str]:
    """Return the tables."""
    lines = evidence.heading("Side by side", content)
    lines += [f"- {content['messages']:,} announcements a run, waiting in the queue before the program is started", ""]
    for race, runs in content["races"].items():
        ours = _median(runs, "winnowry", "rate") if "winnowry" in runs else 0.0
        columns = (
            race,
            "announcements/s, median",
            "range",
            "of `winnowry`",
            "processor µs each",
            "peak MB (anonymous)",
            "exact",
        )
        rows = [
            (
                name,
                f"{_median(runs, name, 'rate'):,.0f}",
                f"{min(each['rate'] for each in each_run):,} to {max(each['rate'] for each in each_run):,}",
                f"{_median(runs, name, 'rate') / ours:.2f}" if ours else "",
                f"{_median(runs, name, 'microseconds'):.0f}",
                max(each["megabytes"] for each in each_run),
                f"{sum(each['exact'] for each in each_run)} of {len(each_run)}",
            )
            for name, each_run in runs.items()
        ]
        lines += [*evidence.table(columns, rows), ""]
    return lines


def _median(runs: dict[str, list[Run]], name: str, what: str) -> float:
    return statistics.median(each[what] for each in runs[name])


if __name__ == "__main__":
    sys.exit(main())
