"""How far a run of the demonstration has come, while it runs."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

LABELS = {
    "xs_alice": "alice announces",
    "xs_bob": "bob announces",
    "xwinnow": "ingest: fetched, verified",
    "xpublic": "fuse: winnowed, public",
    "carol": "carol receives",
    "dave": "dave receives",
}
_LINE_SECONDS = 3.0


class Bars:
    """Bars where a person looks on, a line every few seconds elsewhere. ``totals`` is where each count will end, at
    least."""

    def __init__(self, console: Console, totals: Mapping[str, int]) -> None:
        self._console = console
        columns = (TextColumn("{task.description:<26}"), BarColumn(bar_width=40), MofNCompleteColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._totals = dict(totals)
        self._tasks = {name: self._progress.add_task(LABELS[name], total=total) for name, total in totals.items()}
        self._next_line = 0.0

    def show(self, counts: Mapping[str, int]) -> None:
        """Show how far each count has come."""
        for name, count in counts.items():
            total = self._totals[name] = max(self._totals[name], count)
            self._progress.update(self._tasks[name], completed=count, total=total)
        if not self._console.is_terminal and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _LINE_SECONDS
            self.say(" · ".join(f"{name} {count}" for name, count in counts.items()))

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()
