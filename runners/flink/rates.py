"""How many Arrivals end in a second: counted between two looks of an operator."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHORTEST = 10.0
"""Seconds between two looks that tell a rate: Flink itself counts no more often."""

Look = dict[str, Any]


def rates(file: Path, job: str, counts: Mapping[str, int], now: float, began: float) -> dict[str, float]:
    """Return how much each count of a job has grown in a second since the last look, and note this look in ``file``.

    A first look, and one after the job had to count anew, tells the mean since it ``began`` (Unix time, as ``now``).
    """
    looks = [look for look in _read(file) if look["job"] == job and _grew(look["counts"], counts)]
    old = [look for look in looks if now - look["at"] >= SHORTEST]
    kept = old[-1:] or looks[:1]
    _write(file, [*kept, {"job": job, "at": now, "counts": dict(counts)}])
    last: Look = old[-1] if old else {"at": began, "counts": {}}
    seconds = max(now - last["at"], 1.0)
    return {name: round((count - last["counts"].get(name, 0)) / seconds, 1) for name, count in counts.items()}


def _grew(before: Mapping[str, int], counts: Mapping[str, int]) -> bool:
    return all(counts.get(name, 0) >= count for name, count in before.items())


def _read(file: Path) -> list[Look]:
    try:
        looks: list[Look] = json.loads(file.read_text())
    except (OSError, ValueError):
        return []
    return looks


def _write(file: Path, looks: list[Look]) -> None:
    file.parent.mkdir(0o700, parents=True, exist_ok=True)
    file.write_text(json.dumps(looks))
