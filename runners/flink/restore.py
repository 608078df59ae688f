"""Where a pump's memory can be restored from: what Flink has completed of it, on disk."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePoint:
    """A savepoint or checkpoint that is complete: its folder, and when it was (Unix time)."""

    folder: Path
    at: float
    savepoint: bool

    @property
    def url(self) -> str:
        """The folder as Flink is told of it."""
        return self.folder.as_uri()


def restore_points(savepoints: Path, checkpoints: Path, jobs: Collection[str]) -> list[RestorePoint]:
    """Return the complete restore points of a pump, the newest first.

    ``savepoints`` is the pump's own folder, ``checkpoints`` that of the whole cluster, in which each of the pump's ``jobs`` has
    a folder of its own. What has no `_metadata` was never completed, and nothing can be restored from it.
    """
    found = [*_complete(savepoints, savepoint=True)]
    for job in jobs:
        found.extend(_complete(checkpoints / job, savepoint=False))
    return sorted(found, key=lambda point: point.at, reverse=True)


def local(url: str) -> Path | None:
    """Return the folder that a URL of Flink's means, None where it is on no disk of this host.

    >>> local("file:/var/flink/chk-3"), local("file:///var/flink"), local("s3://bucket/flink")
    (PosixPath('/var/flink/chk-3'), PosixPath('/var/flink'), None)
    """
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") and not parts.netloc else None


def _complete(folder: Path, *, savepoint: bool) -> Iterator[RestorePoint]:
    for metadata in folder.glob("*/_metadata"):
        try:
            told = metadata.stat()
        except FileNotFoundError:  # Flink removes checkpoints while we look
            continue
        if told.st_size:
            yield RestorePoint(folder=metadata.parent, at=told.st_mtime, savepoint=savepoint)
