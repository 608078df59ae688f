"""How often a reader has begun in vain: with something among its messages that fails the job, it would do so for ever."""

from pathlib import Path

from winnowry.io.disk import disk_errors

IN_VAIN = 5
"""Beginnings in a row, without anything acknowledged, after which what comes again is tried with care."""


class Setbacks:
    """Counts in ``file`` how often one reader has begun since anything was acknowledged. Raises DiskTrouble."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._begun = self._read() + 1
        self._write(self._begun)

    @property
    def many(self) -> bool:
        """Whether it is time for care."""
        return self._begun > IN_VAIN

    def progress(self) -> None:
        """Take note that something was acknowledged: this beginning was not in vain."""
        if self._begun:
            self._begun = 0
            self._write(0)

    def _read(self) -> int:
        with disk_errors(str(self._file)):
            found = self._file.read_text(errors="replace") if self._file.exists() else ""
        return int(found) if found.isascii() and found.isdecimal() and len(found) < 9 else 0

    def _write(self, begun: int) -> None:
        with disk_errors(str(self._file)):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(str(begun))
