"""Measure Winnowry side by side with what else a user could run, in one go on one machine, and write the tables.

Usage: bench.py [--parts relay winnow …] [--runs 3] [--evidence docs/benchmarks.json]

What is recorded of a chapter in the evidence stands for as long as the code is the same: an interrupted benchmark goes on. Each
chapter names the commit that it was measured at.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import evidence
import latency
import posting
import starting
from contenders import TUNINGS
from fetching import LARGE, SMALL, Fetching
from races import Race
from remembering import Remembering
from steps import Steps

from winnowry.runners.servers.management import Broker
from winnowry.runners.servers.rabbitmq import broker


class Part(Protocol):
    """Something that is measured."""

    def measure(self, rabbit: Broker, runs: int) -> Any:
        """Return what was seen, as plain values."""

    def page(self, measured: Any) -> list[str]:
        """Return it as lines of a page."""


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A part as it stands on the page. It is measured ``at_most`` so often, where one run has many figures already."""

    title: str
    part: Part
    at_most: int = 100


CHAPTERS: Mapping[str, Chapter] = {
    "relay": Chapter(title="Announcements through a shovel", part=Race("relay")),
    "winnow": Chapter(title="Announcements through a winnow, half of them repeats", part=Race("winnow")),
    "tuning": Chapter(title="sr3's settings", part=Race("relay", TUNINGS, 50_000), at_most=1),
    "fetching": Chapter(title="Small files over HTTP", part=Fetching(sizes=SMALL)),
    "fetching-large": Chapter(title="Large files over HTTP", part=Fetching(sizes=LARGE)),
    "posting": Chapter(title="Announcing a tree", part=posting),
    "remembering": Chapter(title="A winnow that remembers much", part=Remembering()),
    "latency": Chapter(title="From announcement to delivery", part=latency, at_most=1),
    "starting": Chapter(title="Starting, and doing nothing", part=starting, at_most=1),
    "steps": Chapter(title="What each step costs", part=Steps()),
}


def main() -> int:
    """Measure. Returns 1 where a run lost or doubled something."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parts", nargs="+", choices=CHAPTERS, default=list(CHAPTERS))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--evidence", type=Path)
    asked = parser.parse_args()
    chapters: dict[str, Any] = evidence.read(asked.evidence).get("chapters", {}) if asked.evidence is not None else {}
    for name in asked.parts:
        runs = min(asked.runs, CHAPTERS[name].at_most)
        begun = {**evidence.circumstances(), "runs": runs}
        if name not in chapters or not _stands(chapters[name], begun):
            with broker() as rabbit:
                chapters[name] = {**begun, "measured": CHAPTERS[name].part.measure(rabbit, runs)}
            if asked.evidence is not None:
                evidence.write(asked.evidence, {"chapters": chapters}, "\n".join(page(chapters)))
    print("\n".join(page({name: chapters[name] for name in asked.parts})))
    return 0 if is_exact([chapters[name] for name in asked.parts]) else 1


def _stands(chapter: Mapping[str, Any], present: Mapping[str, Any]) -> bool:
    """Whether a chapter was measured of this very code, with as many runs."""
    return evidence.same_code(chapter, present) and chapter["runs"] == present["runs"]


def page(chapters: Mapping[str, Any]) -> list[str]:
    """Return the page."""
    lines = ["# Side by side", "", "Written by `make bench`. Runs take turns; a figure is the median of its runs.", ""]
    for name, chapter in CHAPTERS.items():
        if name in chapters:
            found = chapters[name]
            lines += [f"## {chapter.title}", "", *evidence.origin(found), f"- Runs: {found['runs']}", ""]
            lines += [*chapter.part.page(found["measured"]), ""]
    return lines


def is_exact(content: Any) -> bool:
    """Whether nothing below says of itself that something was lost, doubled or wrong."""
    if isinstance(content, Mapping):
        return content.get("exact", True) is True and all(is_exact(value) for value in content.values())
    return not isinstance(content, Sequence) or isinstance(content, str) or all(is_exact(value) for value in content)


if __name__ == "__main__":
    sys.exit(main())
