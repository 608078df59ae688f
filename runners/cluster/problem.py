"""What is wrong with a cluster file, said so that a person can put it right."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from winnowry.runners.credentials import mask
from winnowry.schemas.errors import ConfigError


class Place(NamedTuple):
    """A line and a column, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong: where, at which key, and what would be right."""

    place: Place
    key: str
    text: str


class ClusterFileError(ConfigError):
    """A cluster file is wrong. ``problems`` says everything that was found, in the order of the file."""

    def __init__(self, file: Path, source: str, problems: Sequence[Problem]) -> None:
        super().__init__(file, source, problems)
        self.file = file
        self.source = source
        self.problems = sorted(problems, key=lambda problem: problem.place)

    def __str__(self) -> str:
        lines = self.source.splitlines()
        shown = [_show(self.file, problem, lines) for problem in self.problems]
        count = len(shown)
        return "\n".join([*shown, f"{count} problem{'s' if count > 1 else ''} in {self.file}; nothing was started."])


def _show(file: Path, problem: Problem, lines: Sequence[str]) -> str:
    line, column = problem.place
    head = f"{file}:{line}:{column}: {problem.key + ': ' if problem.key else ''}{problem.text}"
    if line > len(lines):
        return mask(head)
    gutter = f"{line:5} | "
    return mask(f"{head}\n{gutter}{lines[line - 1]}\n{' ' * (len(gutter) - 2)}| {' ' * (column - 1)}^")


def nearest(word: str, known: Sequence[str]) -> str:
    """Return the hint that follows a wrong word: what it was probably meant to be, or everything it could be.

    >>> nearest("acept", ["accept", "reject"])
    'did you mean `accept`?'
    >>> nearest("zebra", ["accept", "reject"])
    'known are: accept, reject'
    """
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"known are: {', '.join(known) or 'none'}"
