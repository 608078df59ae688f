"""The evidence of a soak: a file for machines, and a page for people."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import evidence

FIGURES = {
    "lost": "files that a consumer never had, or not in their last content",
    "corrupt": "files on a consumer's disk that are not what came last",
    "false or partial": "names seen at the pump or at a consumer that were never announced, or with other content",
    "delivered twice": "files that came to a consumer again without having changed in between",
    "unseen": "folders that could not be watched to the end",
    "ended badly": "programs that did not end with 0 in the end",
    "audit": "findings of the conservation checker",
}


def record(file: Path, present: Mapping[str, Any], result: Mapping[str, Any], *, seed: int, minutes: float) -> None:
    """Write what a soak has shown, and the page beside it. ``present`` is under which circumstances it began."""
    told = {**present, "ended": evidence.now(), "seed": seed, "minutes": minutes, **result}
    evidence.write(file, told, "\n".join(_page(told)) + "\n")


def _page(told: Mapping[str, Any]) -> list[str]:
    counts, found = told["counts"], told["found"]
    blows = {name.partition(": ")[2]: count for name, count in counts.items() if name.startswith("blow: ")}
    rows = [(name, len(found[name]), meaning) for name, meaning in FIGURES.items()]
    return [
        *evidence.heading("Soak", told),
        f"- Ended {told['ended']}; `make soak MINUTES={told['minutes']:g} SEED={told['seed']}`",
        "",
        f"{told['files']:,} files from two sources each, {told['posts']:,} distinct Posts in {told['seconds']:,} s; "
        f"{told['kills']} kills by signal 9 and {told['restarts']} restarts of the broker meanwhile.",
        "",
        *evidence.table(("figure", "found", "what is counted"), rows),
        "",
        *evidence.table(("what was killed or restarted", "how often"), sorted(blows.items())),
        "",
        *_audited(told["audit"]),
        *(f"- {name}: {line}" for name, lines in found.items() for line in sorted(lines)[:20]),
    ]


def _audited(audited: Mapping[str, Mapping[str, int]]) -> list[str]:
    columns = list(dict.fromkeys(name for figures in audited.values() for name in figures))
    shown = [(_where(where), *(f"{figures.get(name, 0):,}" for name in columns)) for where, figures in audited.items()]
    return ["What the conservation checker counted:", "", *evidence.table(("pump or folder", *columns), shown), ""]


def _where(where: str) -> str:
    return f"folder `{Path(where).name}`" if where.startswith("/") else where
