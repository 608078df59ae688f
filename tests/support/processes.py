"""What processes use, as the kernel tells it: processor seconds and memory of a process and all that it has started."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
MEGABYTE = 1e6


@dataclass(frozen=True, kw_only=True)
class Use:
    """Processor seconds since they began, and megabytes of memory that are theirs alone (RssAnon), of some processes."""

    seconds: float
    anonymous: float


def family(pid: int) -> list[int]:
    """Return a process, its children, and theirs."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found = [pid]
    for member in found:
        found.extend(children.get(member, ()))
    return found


def use_of(pids: list[int]) -> Use:
    """Return what processes use together, and what children of theirs that have ended have used."""
    seconds = anonymous = 0.0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            seconds += sum(int(ticks) for ticks in fields[11:15]) / TICKS
            anonymous += _anonymous(pid)
    return Use(seconds=seconds, anonymous=anonymous)


def _anonymous(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024 / MEGABYTE
    return 0.0


def _parents() -> Iterator[tuple[int, int]]:
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            yield int(file.parent.name), int(file.read_text(errors="replace").rpartition(")")[2].split()[1])
