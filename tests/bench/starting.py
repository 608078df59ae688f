"""How soon a program that is started passes something on, and what it uses when nothing comes.

One announcement waits in the queue; the time runs from the birth of the command, as the kernel tells it, until that has come
onward. Then nothing more is announced, and what the program and all that it has started use is watched.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import evidence
from announced import announcements
from brokers import Vhost
from contenders import CONTENDERS, IN, OUT, Contender, Track
from processes import TICKS, family, use_of

from winnowry.runners.servers.management import Broker
from winnowry.runners.servers.rabbitmq import broker
from winnowry.schemas.v03 import write_v03

NAME = "starting"
TITLE = "Starting, and having nothing to do"
EAR = "ear"
SETTLING = 5.0
IDLE = 30.0
LATE = 120.0

Run = dict[str, Any]


def measure(
    rabbit: Broker, runs: int, *, contenders: Sequence[Contender] = CONTENDERS, idle: float = IDLE
) -> dict[str, list[Run]]:
    """Return the runs of each contender; they take turns."""
    chosen = [one for one in contenders if "shovel" in one.kinds]
    done: dict[str, list[Run]] = {one.name: [] for one in chosen}
    for number in range(runs):
        for one in chosen:
            done[one.name].append(run(rabbit, one, idle))
            print(f"{NAME} {number + 1}/{runs} {one.name}: {done[one.name][-1]}", file=sys.stderr, flush=True)
    return done


def run(rabbit: Broker, contender: Contender, idle: float) -> Run:
    """Start one contender once."""
    vhost = Vhost(rabbit)
    rabbit.add_vhost(vhost.name)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        for exchange in (IN, OUT):
            vhost.add_exchange(exchange)
        vhost.queue(EAR, OUT)
        track = Track(vhost=vhost, folder=Path(folder), stack=stack)
        contender.prepare(track, "shovel")
        vhost.publish(IN, "v03.first", write_v03(next(announcements(("alice",)))))
        programs = contender.start(track, "shovel")
        vhost.take(EAR, 1, LATE)
        seconds = age(programs[0].pid)
        time.sleep(SETTLING)
        members = [pid for program in programs for pid in family(program.pid)]
        began, before = time.monotonic(), use_of(members)
        time.sleep(idle)
        share = (use_of(members).seconds - before.seconds) / (time.monotonic() - began)
        for program in programs:
            program.kill()
    rabbit.remove_vhost(vhost.name)
    return {"seconds": round(seconds, 2), "idle": round(share, 4), "megabytes": round(before.anonymous)}


def age(pid: int) -> float:
    """Return for how many seconds a process has been there."""
    born = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]) / TICKS
    return time.clock_gettime(time.CLOCK_BOOTTIME) - born


def page(content: dict[str, list[Run]]) -> list[str]:
    """Return the table."""
    columns = ("program", "s from its start to the first announcement onward, median", "range")
    columns += ("share of one core when idle, median", "worst", "idle MB (anonymous)")
    rows = []
    for name, runs in content.items():
        seconds, idle = [each["seconds"] for each in runs], [each["idle"] for each in runs]
        rows.append(
            (
                name,
                f"{statistics.median(seconds):.1f}",
                f"{min(seconds):.1f} to {max(seconds):.1f}",
                f"{statistics.median(idle):.1%}",
                f"{max(idle):.1%}",
                max(each["megabytes"] for each in runs),
            )
        )
    return evidence.table(columns, rows)


def main() -> None:
    """Measure, and print the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--contenders", nargs="+", choices=[one.name for one in CONTENDERS])
    parser.add_argument("--idle", type=float, default=IDLE)
    asked = parser.parse_args()
    chosen = [one for one in CONTENDERS if not asked.contenders or one.name in asked.contenders]
    with broker() as rabbit:
        found = measure(rabbit, asked.runs, contenders=chosen, idle=asked.idle)
    print("\n".join(page(found)))


if __name__ == "__main__":
    main()
