"""One process an instance: a second one would know nothing of what the first has underway, and do it as well."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from winnowry.io.disk import disk_errors
from winnowry.schemas.errors import DiskTrouble
from winnowry.schemas.reasons import Reason

PATIENCE = 30.0
"""Seconds that a former process has to end: one that drains needs up to twenty."""


@contextmanager
def alone(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Be the only process that works in the folder of an instance; the system ends this with the process, however it dies.

    Raises DiskTrouble where another one is still there after ``patience`` seconds.
    """
    with disk_errors(str(folder)):
        folder.mkdir(0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "running", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, folder, time.monotonic() + patience)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise DiskTrouble(Reason.DISK_ERROR, f"another process works in {folder}") from None
            time.sleep(0.05)
        else:
            return
