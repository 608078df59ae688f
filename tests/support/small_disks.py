"""Disks that fill up: file systems in memory, of a chosen size."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

FILLER = "filler"


class SmallDisk:
    """A disk mounted at ``folder``; what fills it is below the folder ``filler``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / FILLER).mkdir()

    def fill(self, leave: int = 0) -> None:
        """Leave room for so many bytes, in whole pages."""
        with (self.folder / FILLER / "bytes").open("ab", buffering=0) as file, suppress(OSError):
            while self.free > leave:
                file.write(bytes(min(4096 * 16, max(4096, self.free - leave))))

    def fill_names(self) -> None:
        """Leave no room for another file."""
        number = 0
        with suppress(OSError):
            while True:
                (self.folder / FILLER / f"name{number}").touch(exist_ok=False)
                number += 1

    def clear(self) -> None:
        """Remove what fills it."""
        for file in (self.folder / FILLER).iterdir():
            file.unlink()

    @property
    def free(self) -> int:
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize


@contextmanager
def small_disk(folder: Path, size: str = "8m", names: int = 200) -> Iterator[SmallDisk]:
    """Mount a disk of this size, for so many files; the test is skipped where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("mounting a disk needs root")
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={names}", "tmpfs", folder], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[Callable[[], object]]:
    """Let nobody, not even root, write into a folder, until the function that this yields is called."""
    if os.geteuid() != 0:
        pytest.skip("mounting a disk needs root")
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    try:
        yield lambda: subprocess.run(["mount", "-o", "remount,bind,rw", folder], check=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
