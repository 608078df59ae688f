"""Measure Winnowry side by side with what else a user could run, in one go on one machine, and write the tables.

Usage: bench.py [--parts relay winnow …] [--runs 3] [--evidence docs/benchmarks.json]

What is recorded of a part in the evidence stands for as long as the code is the same: an interrupted benchmark goes on.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import evidence
import fetching
import latency
import posting
import starting
from contenders import TUNINGS
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
    "fetching": Chapter(title="Files over HTTP", part=fetching),
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
    content = _begin(asked.runs, asked.evidence)
    for name in asked.parts:
        if name in content["parts"]:
            continue
        with broker() as rabbit:
            chapter = CHAPTERS[name]
            content["parts"][name] = chapter.part.measure(rabbit, min(asked.runs, chapter.at_most))
        if asked.evidence is not None:
            evidence.write(asked.evidence, content, "\n".join(page(content)))
    print("\n".join(page(content)))
    return 0 if is_exact(content) else 1


def _begin(runs: int, file: Path | None) -> dict[str, Any]:
    """Return what was measured of this very code already, or nothing but the circumstances."""
    content: dict[str, Any] = {**evidence.circumstances(), "runs": runs, "parts": {}}
    before = evidence.read(file) if file is not None else {}
    return before if evidence.same_code(before, content) and before.get("runs") == runs else content


def page(content: Mapping[str, Any]) -> list[str]:
    """Return the page."""
    lines = evidence.heading("Side by side", content)
    lines += [f"- {content['runs']} runs each, unless it says otherwise, in turn; medians", ""]
    for name, chapter in CHAPTERS.items():
        if name in content["parts"]:
            lines += [f"## {chapter.title}", "", *chapter.part.page(content["parts"][name]), ""]
    return lines


def is_exact(content: Any) -> bool:
    """Whether nothing below says of itself that something was lost, doubled or wrong."""
    if isinstance(content, Mapping):
        return content.get("exact", True) is True and all(is_exact(value) for value in content.values())
    return not isinstance(content, Sequence) or isinstance(content, str) or all(is_exact(value) for value in content)


if __name__ == "__main__":
    sys.exit(main())
