"""Steps that cannot be done now, because no queue takes a message or a disk is full: they are done again a second later."""

from collections.abc import Callable, Sequence
from typing import Any

Step = Callable[[Sequence[Any]], None]

SECONDS = 1.0
"""Seconds until a step that could not be done is tried again."""


class PutOff:
    """What was put off, by the step that is to take it."""

    def __init__(self) -> None:
        self._items: dict[Step, list[Any]] = {}
        self._since = 0.0

    def add(self, step: Step, items: Sequence[Any], now: float) -> bool:
        """Let ``step`` take these a second after the first that was put off; return whether it is the first for this step."""
        if not self._items:
            self._since = now
        new = step not in self._items
        self._items.setdefault(step, []).extend(items)
        return new

    def count(self, *steps: Step) -> int:
        """Return how many wait for these steps."""
        return sum(len(self._items.get(step, ())) for step in steps)

    def try_again(self, now: float) -> None:
        """Do what was put off, when it is time."""
        if not self._items or 0.0 <= now - self._since < SECONDS:  # a clock set back makes nobody wait
            return
        again, self._items = self._items, {}
        for step, items in again.items():
            step(items)
