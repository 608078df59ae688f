"""One process an instance: a second one would know nothing of what the first has underway, and do it as well."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from winnowry.io.disk import disk_errors
from winnowry.schemas.errors import DiskTrouble
from winnowry.schemas.reasons import Reason

PATIENCE = 45.0
"""Seconds that a former process has to end: most drain within twenty. A supervisor takes silence of sixty for a hang."""

log = structlog.get_logger(__name__)


@contextmanager
def alone(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Be the only process that works in the folder of an instance; the system ends this with the process, however it dies.

    Raises DiskTrouble where another one is still there after ``patience`` seconds.
    """
    with disk_errors(str(folder)):
        folder.mkdir(0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "running", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with disk_errors(str(folder)):
            _lock(descriptor, folder, patience)
        with suppress(OSError):  # a full disk: then nobody is told who it is
            os.pwrite(descriptor, b"%-20d" % os.getpid(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    if not _is_ours(descriptor):
        log.warning("another process of this instance is at work: waiting for its end", folder=str(folder))
    while not _is_ours(descriptor):
        if time.monotonic() >= deadline:
            other = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            raise DiskTrouble(Reason.DISK_ERROR, f"process {other} works in {folder}")
        time.sleep(0.05)


def _is_ours(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
