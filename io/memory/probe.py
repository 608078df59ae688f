"""Read whole stores in a process of its own: a damaged one may kill whoever reads it.

No PTransform here: the memory probes its stores after a death. Run as a program with folders as arguments, this file reads
them, and imports nothing but what it needs for that.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import lmdb

PATIENCE = 60.0
"""Seconds that reading may take."""

ROOM = 2**40
"""Bytes of address space: a store that somebody else makes larger meanwhile has to fit."""


def unsound(folders: Sequence[Path]) -> list[Path]:
    """Return the stores that cannot be read from the first page to the last; 0.3 s for a million records."""
    if not folders or _readable(folders):
        return []
    return [folder for folder in folders if not _readable([folder])]


def _readable(folders: Sequence[Path]) -> bool:
    command = [sys.executable, "-I", __file__, *map(str, folders)]
    try:
        return subprocess.run(command, stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False).returncode == 0
    except subprocess.TimeoutExpired:  # a process that is stopped amid a write keeps others waiting; that is no damage
        return True


def _read(folder: str) -> None:
    """Read every record, which pages are free, and whatever a write would read; nothing is written."""
    with lmdb.open(folder, map_size=ROOM) as store, store.begin(write=True) as transaction:
        found = sum(1 for _ in transaction.cursor().iternext(keys=False))
        if found != store.stat()["entries"]:
            raise SystemExit(f"{folder}: {found} records of {store.stat()['entries']}")
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a Path would be one more import
            store.copyfd(nowhere.fileno(), compact=True)
        for number in range(100):
            transaction.put(number.to_bytes(16), bytes(50))
        transaction.abort()


if __name__ == "__main__":
    for each in sys.argv[1:]:
        _read(each)
