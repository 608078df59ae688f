"""How often a reader has begun in vain: with something among its messages that fails the job, it would do so for ever."""

import time
from collections.abc import Callable
from pathlib import Path

from winnowry.io.disk import disk_errors
from winnowry.runners.flink.window import PATIENCE

IN_VAIN = 5
"""Beginnings in a row, without anything acknowledged, after which what comes again is tried with care."""


class Setbacks:
    """Counts in ``file`` how often one reader has begun since anything was acknowledged. Raises DiskTrouble.

    A beginning that lasted as long as a bundle waits for its confirms, without anything acknowledged, is not counted: no
    message is to blame for that, but what is around the job.
    """

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        begun, since = self._read()
        self.sudden = 0.0 <= clock() - since < PATIENCE
        self._begun = begun + 1 if self.sudden or not begun else begun
        self._write(self._begun, int(clock()))

    @property
    def many(self) -> bool:
        """Whether it is time for care."""
        return self._begun > IN_VAIN

    def progress(self) -> None:
        """Take note that something was acknowledged: this beginning was not in vain."""
        if self._begun:
            self._begun = 0
            self._write(0, 0)

    def _read(self) -> tuple[int, int]:
        with disk_errors(str(self._file)):
            found = self._file.read_text(errors="replace").split() if self._file.exists() else []
        numbers = [int(word) for word in found if word.isascii() and word.isdecimal() and len(word) < 12]
        return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)

    def _write(self, begun: int, since: int) -> None:
        with disk_errors(str(self._file)):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(f"{begun} {since}")
