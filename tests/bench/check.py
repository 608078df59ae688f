"""Tell whether a pump has become slower than it was: compare what does not depend on the machine with what is recorded.

Short races of a relay and of a winnow against the bare loop of pika, in turn. Compared are ratios within one run: of rates, and
of the processor time of an announcement, which a busy machine disturbs least. What seems to have lost more than a quarter is
measured once more; only what has lost that much both times fails. On a machine that had other work just before or after, now or
when the ratios were recorded, nothing fails: there even ratios differ by a third from run to run.

Usage: check.py [--record]
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import evidence
from contenders import CONTENDERS, Contender
from contests import exact
from races import Run, run

from winnowry.runners.servers.management import Broker
from winnowry.runners.servers.rabbitmq import broker

RECORD = evidence.FOLDER / "bench-check.json"
LOST = 0.25
"""What of a ratio may be lost."""
OTHER_WORK = 0.5
"""Processors busy with something else from which on nothing is believed."""
LOOK_SECONDS = 2.0
"""Seconds for which is looked what is busy, before and after."""
RUNS = 3
MESSAGES = 10_000
OURS, BARE = "winnowry", "bare pika loop"

Ratios = dict[str, float]


def measure(rabbit: Broker, runs: int = RUNS) -> dict[str, list[Run]]:
    """Let the bare loop relay, and ours relay and winnow, in turn; return the runs of each."""
    contenders = {one.name: one for one in CONTENDERS}
    lanes: dict[str, tuple[Contender, str]] = {
        "bare": (contenders[BARE], "relay"),
        "relay": (contenders[OURS], "relay"),
        "winnow": (contenders[OURS], "winnow"),
    }
    done: dict[str, list[Run]] = {name: [] for name in lanes}
    for _ in range(runs):
        for name, (one, race) in lanes.items():
            done[name].append(run(rabbit, one, race, MESSAGES))
            print(f"{name}: {done[name][-1]}", file=sys.stderr, flush=True)
    return done


def ratios(runs: Mapping[str, list[Run]]) -> Ratios:
    """Return the medians of what is compared; more is better."""
    found = {}
    for name in ("relay", "winnow"):
        pairs = list(zip(runs[name], runs["bare"], strict=True))
        found[f"{name}, rate of the bare loop's"] = statistics.median(ours["rate"] / bare["rate"] for ours, bare in pairs)
        costs = [bare["microseconds"] / ours["microseconds"] for ours, bare in pairs]
        found[f"{name}, the bare loop's processor time of ours"] = statistics.median(costs)
    return {name: round(ratio, 3) for name, ratio in found.items()}


def lost(found: Ratios, recorded: Ratios) -> list[str]:
    """Return the names of ratios that have lost too much; what is not recorded has lost nothing."""
    return [name for name, ratio in found.items() if ratio < (1 - LOST) * recorded.get(name, 0.0)]


def load() -> float:
    """Return how many processors are busy, watched for a moment: a load average is of the minutes before."""
    before = _ticks()
    time.sleep(LOOK_SECONDS)
    return round((_ticks() - before) / (LOOK_SECONDS * os.sysconf("SC_CLK_TCK")), 1)


def _ticks() -> int:
    """Return for how long processors have been busy: ``proc_stat(5)`` without idle and iowait, the fourth and the fifth."""
    user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return user + nice + system + irq + softirq + steal


def is_busy(content: Mapping[str, Any]) -> bool:
    """Whether the machine had other work when this was measured."""
    return bool(content.get("load", 0.0) > OTHER_WORK)


def page(content: Mapping[str, Any], recorded: Mapping[str, Any]) -> list[str]:
    """Return the table, and who is not to be believed."""
    before = recorded.get("ratios", {})
    failing = lost(content["ratios"], before)
    rows = []
    for name, ratio in content["ratios"].items():
        known = before.get(name)
        change = (f"{known:.2f}", f"{ratio / known - 1:+.0%}") if known else ("", "")
        rows.append((name, f"{ratio:.2f}", *change, "lost" if name in failing else ""))
    busy = [
        f"The machine had other work when {what} ({one['load']:.1f} of {one['processors']} processors were busy): no verdict."
        for what, one in (("this was measured", content), ("the recorded ratios were", recorded))
        if is_busy(one)
    ]
    return [*evidence.table(("medians; more is better", "now", "recorded", "change", ""), rows), "", *busy]


def _measured(rabbit: Broker, before: Ratios) -> dict[str, Any]:
    runs = measure(rabbit)
    if lost(ratios(runs), before):
        print("a ratio has lost much: once more", file=sys.stderr)
        again = measure(rabbit)
        better = {name: max(ratio, ratios(again)[name]) for name, ratio in ratios(runs).items()}
        return {"ratios": better, "runs": {name: each + again[name] for name, each in runs.items()}}
    return {"ratios": ratios(runs), "runs": runs}


def main() -> int:
    """Measure, compare and tell. Returns 1 where something was lost, be it speed or an announcement."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", action="store_true", help="let what is measured be what is compared with from now on")
    asked = parser.parse_args()
    recorded: Mapping[str, Any] = {} if asked.record else evidence.read(RECORD)
    before = recorded.get("ratios", {})
    content = {**evidence.circumstances(), "load": load()}
    with broker() as rabbit:
        content |= _measured(rabbit, before)
    content["load"] = max(content["load"], load())
    lines = page(content, recorded)
    print("\n".join(lines))
    if asked.record:
        heading = evidence.heading("What `make bench-check` compares with", content)
        evidence.write(RECORD, content, "\n".join([*heading, "", *lines]) + "\n")
    believed = not is_busy(content) and not is_busy(recorded)
    return 1 if (believed and lost(content["ratios"], before)) or not exact(content["runs"]) else 0


if __name__ == "__main__":
    sys.exit(main())
