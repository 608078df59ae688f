"""Contenders that take turns, and the table of what they showed."""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import evidence

Run = dict[str, Any]
OURS = "winnowry"


class Named(Protocol):
    """Whoever takes part."""

    name: str


One = TypeVar("One", bound=Named)


def alternate(contenders: Sequence[One], runs: int, run: Callable[[One], Run], what: str) -> dict[str, list[Run]]:
    """Let each run in turn, so many times, and return what came of it by contender.

    Who begins moves on, so that none always does.
    """
    found: dict[str, list[Run]] = {one.name: [] for one in contenders}
    for number in range(runs):
        first = number * len(contenders) // runs
        for one in (*contenders[first:], *contenders[:first]):
            found[one.name].append(run(one))
            print(f"{what} {number + 1}/{runs} {one.name}: {found[one.name][-1]}", file=sys.stderr, flush=True)
    return found


def exact(runs: Mapping[str, Sequence[Run]]) -> bool:
    """Whether every run counts."""
    return all(each["exact"] for every in runs.values() for each in every)


def compared(
    title: str, runs: Mapping[str, Sequence[Run]], columns: Mapping[str, str], by: str, reference: str = OURS
) -> list[str]:
    """Return a table: the medians of all ``columns`` (keys of a run, and headings), range and ratio of the one named ``by``.

    The ratio is to what the contender called ``reference`` showed.
    """
    heading = [title, *(part for key, name in columns.items() for part in _headings(name, reference, key == by)), "exact"]
    ours = median(runs[reference], by) if reference in runs else None
    return evidence.table(heading, [_row(name, each, columns, by, ours) for name, each in runs.items()])


def median(runs: Sequence[Run], key: str) -> float:
    """Return the median of one figure."""
    return statistics.median(run[key] for run in runs)


def _headings(name: str, reference: str, leading: bool) -> tuple[str, ...]:
    return (f"{name}, median", "range", f"of `{reference}`") if leading else (name,)


def _row(name: str, runs: Sequence[Run], columns: Mapping[str, str], by: str, ours: float | None) -> list[str]:
    cells = [name]
    for key in columns:
        cells.append(_figure(median(runs, key)))
        if key == by:
            values = [run[key] for run in runs]
            cells.append(f"{_figure(min(values))} to {_figure(max(values))}")
            cells.append(f"{median(runs, key) / ours:.2f}" if ours else "")
    return [*cells, f"{sum(run['exact'] for run in runs)} of {len(runs)}"]


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"
