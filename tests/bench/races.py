"""How fast announcements come onward: those of one source through a relay, or of two through a winnow.

Each contender gets the same announcements, waiting in its queue before it is started; what counts is how fast they come onward,
from the first tenth to the last twentieth. Runs alternate. A run counts only if exactly the announced paths came onward.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import evidence
import pika
from announced import announcements
from brokers import Vhost
from contenders import CONTENDERS, IN, OUT, Contender, Track
from contests import Run, alternate, compared
from processes import Use, family, use_of

from winnowry.runners.servers.management import Broker
from winnowry.runners.servers.owned import Owned
from winnowry.schemas.post import Post
from winnowry.schemas.topics import topic_of
from winnowry.schemas.v03 import write_v03

RACES = {"relay": "shovel", "winnow": "winnow"}
SOURCES = {"relay": ("alice",), "winnow": ("alice", "bob")}
MESSAGES = 100_000
COLUMNS = {"rate": "announcements/s", "microseconds": "processor µs each", "megabytes": "peak MB (anonymous)"}
EAR = "ear"
FROM, TO = 0.10, 0.95
SECONDS = 300.0
"""How long a run may take."""


def load(vhost: Vhost, posts: Iterable[Post]) -> None:
    """Publish them all, persistent and confirmed."""
    properties = pika.BasicProperties(content_type="application/json", delivery_mode=2)
    with vhost.connect() as connection:
        channel = connection.channel()
        for post in posts:
            channel.basic_publish(IN, topic_of(post.rel_path), write_v03(post), properties)


class Stopwatch:
    """Watches how many announcements have come onward, and what the programs use meanwhile."""

    def __init__(self, vhost: Vhost, programs: Sequence[Owned], expected: int) -> None:
        self._vhost, self._programs, self._expected = vhost, programs, expected
        self._laps: list[tuple[float, int, Use]] = []
        self.peak = 0.0

    def follow(self) -> None:
        """Watch until all have come. Raises AssertionError when they do not come in time."""
        deadline = time.monotonic() + SECONDS
        with self._vhost.connect() as connection:
            channel = connection.channel()
            while True:
                count = int(channel.queue_declare(EAR, passive=True).method.message_count)
                use = use_of([pid for program in self._programs for pid in family(program.pid)])
                self._laps.append((time.monotonic(), count, use))
                self.peak = max(self.peak, use.anonymous)
                if count >= self._expected:
                    return
                assert all(one.running for one in self._programs) and time.monotonic() < deadline, (
                    f"{count} of {self._expected} came onward"
                )
                connection.sleep(0.05)

    def rate(self, entered: int) -> tuple[float, float]:
        """Return announcements a second, and processor microseconds for each, in terms of what ``entered``."""
        first = next(lap for lap in self._laps if lap[1] >= FROM * self._expected)
        last = next(lap for lap in self._laps if lap[1] >= TO * self._expected)
        share = (last[1] - first[1]) / self._expected * entered
        return share / (last[0] - first[0]), (last[2].seconds - first[2].seconds) / share * 1e6


def run(rabbit: Broker, contender: Contender, race: str, count: int, first: int = 0) -> Run:
    """Let one contender run once, with files numbered from ``first``."""
    kind, expected = RACES[race], count // len(SOURCES[race])
    vhost = Vhost(rabbit)
    rabbit.add_vhost(vhost.name)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        for exchange in (IN, OUT):
            vhost.add_exchange(exchange)
        vhost.queue(EAR, OUT)
        track = Track(vhost=vhost, folder=Path(folder), stack=stack)
        contender.prepare(track, kind)
        posts = list(islice(announcements(SOURCES[race], first), count))
        load(vhost, posts)
        programs = contender.start(track, kind)
        watch = Stopwatch(vhost, programs, expected)
        watch.follow()
        rate, cost = watch.rate(count)
        onward = Counter(json.loads(body)["relPath"] for body in vhost.take(EAR, expected))
        exact = onward == Counter({post.rel_path: 1 for post in posts})
        for program in programs:
            program.kill()
    rabbit.remove_vhost(vhost.name)
    figures = {"rate": round(rate), "microseconds": round(cost, 1), "megabytes": round(watch.peak)}
    return {**figures, "exact": exact, "settings": contender.settings}


class Race:
    """A part of the benchmark: these contenders, one after the other, again and again."""

    def __init__(self, name: str, contenders: Sequence[Contender] = CONTENDERS, messages: int = MESSAGES) -> None:
        self.name = name
        self._contenders = [one for one in contenders if RACES[name] in one.kinds]
        self._messages = messages

    def measure(self, rabbit: Broker, runs: int) -> dict[str, list[Run]]:
        """Return the runs of each contender. Slow ones get a share of the messages, so that nobody waits for hours."""
        return alternate(self._contenders, runs, partial(self._run, rabbit), self.name)

    def _run(self, rabbit: Broker, contender: Contender) -> Run:
        return run(rabbit, contender, self.name, round(self._messages * contender.share))

    def page(self, runs: dict[str, list[Run]]) -> list[str]:
        """Return the table, and one of what each was told."""
        told = [(name, each[0]["settings"]) for name, each in runs.items()]
        return [*compared(self.name, runs, COLUMNS, "rate"), "", *evidence.table(["contender", "settings"], told)]
