"""What an embedded Flink has kept of the pump that it ran last."""

import shutil
from pathlib import Path

from winnowry.runners.flink.restore import RestorePoint, restore_points

KEPT = 2
"""Jobs of a pump whose checkpoints stay: that of its last run, and that before it."""


def last_point(folder: Path) -> RestorePoint | None:
    """Return where the last run of the pump whose Flink keeps everything in ``folder`` left off; None where it never ran."""
    return next(iter(restore_points(folder / "savepoints", folder / "checkpoints", _jobs(folder))), None)


def going_on(point: RestorePoint | None) -> dict[str, object]:
    """Return the settings by which an embedded Flink goes on from there: what a job itself asks for, it passes over.

    The key has another name since Flink 1.20; a Flink that does not know a key leaves it alone.
    """
    keys = ("execution.savepoint.path", "execution.state-recovery.path")
    return dict.fromkeys(keys, point.url) if point is not None else {}


def forget(folder: Path) -> None:
    """Remove checkpoints of all but the last jobs."""
    points = restore_points(folder / "savepoints", folder / "checkpoints", _jobs(folder))
    last = list(dict.fromkeys(point.folder.parent.name for point in points if not point.savepoint))[:KEPT]
    for job in set(_jobs(folder)) - set(last):
        shutil.rmtree(folder / "checkpoints" / job, ignore_errors=True)


def _jobs(folder: Path) -> list[str]:
    return [path.name for path in (folder / "checkpoints").glob("*") if path.is_dir()]
