"""The cases of a pump that dies at each point: which there are, and which are run even in short."""

import signal
from collections.abc import Iterable
from typing import Any

import pytest
from dying import Death

PASSINGS = {"reserved": 3, "fetching": 1, "written": 3, "renamed": 3, "reserving": 5, "intending": 3}
"""At which passing of a point a pump dies: others are underway then. Else at the second: a round passes those at once."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM)


def deaths(points: Iterable[str], *, in_short: Iterable[str] = ()) -> list[Any]:
    """Return the parameters of a test that dies by each signal at each point; all are long but those named ``in_short``."""
    kept = frozenset(in_short)
    return [_case(point, signum, kept) for point in points for signum in SIGNALS]


def _case(point: str, signum: signal.Signals, kept: frozenset[str]) -> Any:
    name = f"{point}-{signum.name}"
    death = Death(point, signum, PASSINGS.get(point, 2))
    return pytest.param(death, id=name, marks=() if name in kept else pytest.mark.long)
