"""How instances let go of a memory that is damaged, so that one of them can begin it anew.

Two instances must never work with two memories: one would take for known what the other has not heard of.

No PTransform here: the memory asks, and the engine looks now and then.
"""

import time
from pathlib import Path

from winnowry.io.memory.owners import Owner
from winnowry.schemas.errors import DiskTrouble
from winnowry.schemas.reasons import Reason

PATIENCE = 30.0
"""Seconds that others have to leave."""


class Leaving:
    """Calls upon all who have the memory in ``folder`` open to leave it, by writing a file that they look at."""

    def __init__(self, folder: Path, owner: Owner) -> None:
        self._folder = folder
        self._file = folder / "leave"
        self._owner = owner
        self._answered = self._stamp()

    def check(self) -> None:
        """Raise DiskTrouble when somebody has called since this process came, or has answered by waiting."""
        if self._stamp() != self._answered:
            raise DiskTrouble(Reason.DISK_ERROR, f"{self._folder} is damaged: everybody leaves, so that it can be begun anew")

    def call(self) -> None:
        """Raise DiskTrouble where others have the memory open, after calling upon all to leave."""
        if self._owner.others_live():
            self._write()
            self.check()

    def wait(self) -> None:
        """Call upon others to leave, and wait until they have. Raises DiskTrouble where they do not."""
        deadline = time.monotonic() + PATIENCE
        if self._owner.others_live():
            self._write()
            self._answered = self._stamp()
        while self._owner.others_live():
            if time.monotonic() > deadline:
                raise DiskTrouble(Reason.DISK_ERROR, f"{self._folder} is damaged, and others do not leave it")
            time.sleep(0.05)

    def _write(self) -> None:
        self._file.write_text(f"{time.time_ns()}\n")

    def _stamp(self) -> int:
        """Return when the file was written, 0 where there is none. It is not opened: there may be no descriptor left."""
        try:
            return self._file.stat().st_mtime_ns
        except FileNotFoundError:
            return 0
