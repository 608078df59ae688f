"""How soon a file is there: from its announcement to its place at a pump, and on to the folder of a consumer.

Files of 10 kB are announced at steady rates, and singly after silence. The kernel tells when each is whole under its name at a
sarra, and at a subscribe behind it; both run together. A run counts only if every file came to both, as it was announced.
"""

import argparse
import filecmp
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import evidence
import pika
from brokers import Vhost, eventually
from completions import Completions
from couriers import COURIERS, IN, OUT, Courier, Road
from processes import family, use_of

from winnowry.io.examine import announce
from winnowry.runners.demo.tree import sow
from winnowry.runners.servers.management import Broker
from winnowry.runners.servers.nginx import FileServer
from winnowry.runners.servers.owned import Owned
from winnowry.runners.servers.rabbitmq import broker
from winnowry.schemas.topics import topic_of
from winnowry.schemas.v03 import write_v03

NAME = "latency"
TITLE = "How soon a file is there"
RATES = (1, 20, 200)
SECONDS = 20
SILENCE = 30.0
SILENCES = 3
START_SECONDS = 60.0
LATE = 120.0
"""How many seconds after the last announcement everything has to be there."""

Run = dict[str, Any]


def measure(
    rabbit: Broker, runs: int, *, couriers: Sequence[Courier] = COURIERS, seconds: int = SECONDS, silences: int = SILENCES
) -> dict[str, list[Run]]:
    """Return the runs of each courier; they take turns."""
    done: dict[str, list[Run]] = {one.name: [] for one in couriers}
    for number in range(runs):
        for one in couriers:
            done[one.name].append(run(rabbit, one, seconds, silences))
            print(f"{NAME} {number + 1}/{runs} {one.name}: {done[one.name][-1]}", file=sys.stderr, flush=True)
    return done


def run(rabbit: Broker, courier: Courier, seconds: int, silences: int) -> Run:
    """Let one courier run once, at all rates and after silence."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        vhost = Vhost(rabbit)
        rabbit.add_vhost(vhost.name)
        stack.callback(rabbit.remove_vhost, vhost.name)
        for exchange in (IN, OUT):
            vhost.add_exchange(exchange)
        track = _lay(vhost, Path(folder), courier, stack)
        track.warm_up()
        cases = {f"{rate}/s": track.at_rate(rate, seconds) for rate in RATES}
        cases["after silence"], share = track.after_silence(silences)
    return {"cases": cases, "idle": share}


def page(content: dict[str, list[Run]]) -> list[str]:
    """Return the table: medians over the runs, and the worst of all."""
    columns = ("files of 10 kB", "program", "placed by sarra: p50", "p90", "p99", "worst")
    columns += ("delivered by subscribe: p50", "p90", "p99", "worst", "exact")
    rows = []
    for case in [f"{rate}/s" for rate in RATES] + ["after silence"]:
        for name, runs in content.items():
            found = [each["cases"][case] for each in runs]
            figures = [*_told(found, "placed"), *_told(found, "delivered")]
            rows.append((case, name, *figures, f"{sum(each['exact'] for each in found)} of {len(found)}"))
    shares = ", ".join(f"{name} {statistics.median(each['idle'] for each in runs):.1%}" for name, runs in content.items())
    return [
        f"Milliseconds from the announcement; *after silence* are single files, each after {SILENCE:.0f} s without any.",
        f"In that silence both programs together use of one core: {shares}.",
        "",
        *evidence.table(columns, rows),
    ]


def _told(found: list[Run], where: str) -> list[str]:
    middle = [f"{statistics.median(each[where][figure] for each in found):,.1f}" for figure in ("p50", "p90", "p99")]
    return [*middle, f"{max(each[where]['worst'] for each in found):,.1f}"]


@dataclass
class Track:
    """A courier that runs, and what is seen of its files."""

    vhost: Vhost
    tree: Path
    url: str
    road: Road
    placed: Completions
    delivered: Completions
    programs: list[Owned] = field(default_factory=list)

    def warm_up(self) -> None:
        """Announce a file each second until one is delivered: before, queues may not be there, and nothing is opened."""
        tries = iter(range(100))

        def arrives() -> bool:
            for program in self.programs:
                assert program.running, program.last_words()
            self._announce(self._sow(f"warm {next(tries)}", 1), 1.0)
            return any(path.startswith("warm") for path in self.delivered.at)

        eventually(arrives, START_SECONDS, "the first delivery")

    def at_rate(self, rate: int, seconds: int) -> Run:
        """Announce files at a steady rate, and return how late they were."""
        said = self._announce(self._sow(f"rate {rate}", rate * seconds), float(rate))
        return self._judge(said)

    def after_silence(self, count: int) -> tuple[Run, float]:
        """Announce single files, each after silence; return how late they were, and the share of a core used meanwhile."""
        members = [process for program in self.programs for process in family(program.pid)]
        said: dict[str, float] = {}
        shares = []
        for number in range(count):
            used = use_of(members).seconds
            time.sleep(SILENCE)
            shares.append((use_of(members).seconds - used) / SILENCE)
            said |= self._announce(self._sow(f"silence {number}", 1), 1.0)
        return self._judge(said), round(statistics.median(shares), 4)

    def _sow(self, name: str, count: int) -> list[str]:
        sow(self.tree / name, files=count)
        self.placed.enter(f"alice/{name}")
        self.delivered.enter(name)
        return [f"{name}/{path.name}" for path in sorted((self.tree / name).iterdir())]

    def _announce(self, names: list[str], rate: float) -> dict[str, float]:
        """Announce files one after the other; return when each was, in Unix time."""
        properties = pika.BasicProperties(content_type="application/json", delivery_mode=2)
        said = {}
        with self.vhost.connect() as connection:
            channel = connection.channel()
            for number in _paced(len(names), rate):
                now = time.time_ns()
                post = announce(str(self.tree), names[number], base_url=self.url, method="sha512", now=now)
                channel.basic_publish(IN, topic_of(post.rel_path), write_v03(post), properties)
                said[names[number]] = now / 1e9
        return said

    def _judge(self, said: dict[str, float]) -> Run:
        eventually(lambda: said.keys() <= self.delivered.at.keys(), LATE, f"the delivery of {len(said)} files")
        eventually(partial(self._both_seen, said), LATE, f"the placing of {len(said)} files")
        return {
            "files": len(said),
            "placed": figures([self.placed.at[f"alice/{name}"] - when for name, when in said.items()]),
            "delivered": figures([self.delivered.at[name] - when for name, when in said.items()]),
            "exact": all(self._is_right(name) for name in said),
        }

    def _both_seen(self, said: dict[str, float]) -> bool:
        return all(f"alice/{name}" in self.placed.at for name in said)

    def _is_right(self, name: str) -> bool:
        copies = (self.road.data / "alice" / name, self.road.carol / name)
        return all(filecmp.cmp(self.tree / name, copy, shallow=False) for copy in copies)


def figures(delays: list[float]) -> dict[str, float]:
    """Return the percentiles of delays, and the worst, in milliseconds."""
    cuts = statistics.quantiles(delays, n=100, method="inclusive") if len(delays) > 1 else delays * 99
    told = {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "worst": max(delays)}
    return {name: round(seconds * 1e3, 1) for name, seconds in told.items()}


def _paced(count: int, rate: float) -> Iterator[int]:
    """Yield numbers at a steady rate a second, the last one followed by its pause."""
    began = time.monotonic()
    for number in range(count):
        yield number
        time.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))


def _lay(vhost: Vhost, folder: Path, courier: Courier, stack: ExitStack) -> Track:
    """Start everything, the courier last; it ends with ``stack``."""
    tree, data, carol = folder / "tree", folder / "data", folder / "carol"
    for root in (tree, data, carol):
        root.mkdir(parents=True)
    source, served = stack.enter_context(FileServer(tree)), stack.enter_context(FileServer(data))
    road = Road(vhost=vhost, folder=folder, served=served.url, stack=stack)
    placed, delivered = stack.enter_context(Completions(data)), stack.enter_context(Completions(carol))
    track = Track(vhost, tree, source.url, road, placed, delivered)
    track.programs = courier.start(road)
    return track


def main() -> None:
    """Measure, and print the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--couriers", nargs="+", choices=[one.name for one in COURIERS])
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--silences", type=int, default=SILENCES)
    asked = parser.parse_args()
    chosen = [one for one in COURIERS if not asked.couriers or one.name in asked.couriers]
    with broker() as rabbit:
        found = measure(rabbit, asked.runs, couriers=chosen, seconds=asked.seconds, silences=asked.silences)
    print("\n".join(page(found)))


if __name__ == "__main__":
    main()
