"""Look at a file of ours and write its announcement."""

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection

from winnowry.io.disk import disk_errors
from winnowry.io.walk import hash_file
from winnowry.schemas.arrival import Arrival, identify
from winnowry.schemas.branches import ENDED, Branches, split
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.edge import InputEdge
from winnowry.schemas.errors import SourceUnready, Terminal, Transient
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.times import write_time

FOLDER = InputEdge(kind="internal", queue="folder", exchange="")
"""The input edge of what is found in a folder; its Deliveries carry paths, relative to the folder and encoded by the system."""


def found(path: str, number: int) -> Delivery:
    """Return the Delivery of a path found in the folder, the ``number``-th.

    >>> found("a/b", 1).body
    b'a/b'
    """
    return Delivery(body=os.fsencode(path), queue=FOLDER.queue, exchange="", tag=number)


@dataclass(kw_only=True)
class Examine(beam.PTransform):
    """Turn paths in ``folder`` into Arrivals whose Posts announce what is there, fingerprinted by ``method``.

    ``base_url`` is where others read the folder; ``clock`` gives nanoseconds of Unix time.

    Delivery: what is announced was read as announced; a file that changes under our hands is read again.
    Parallelism: one file at a time.
    Ordering: as they come.
    Settled when: never here.

    >>> Examine(folder=Path("/data"), base_url="https://files.example.org/", clock=int).method
    'sha512'
    """

    folder: Path
    base_url: str
    clock: Callable[[], int]
    method: str = "sha512"

    def expand(self, paths: PCollection) -> Branches:
        """Return Arrivals, and the Outcomes of what cannot be announced."""
        return split(paths, _Examine(self.folder, self.base_url, self.method, self.clock))


class _Examine(beam.DoFn):
    def __init__(self, folder: Path, base_url: str, method: str, clock: Callable[[], int]) -> None:
        self.folder, self.base_url, self.method, self.clock = os.fspath(folder), base_url, method, clock

    def process(self, delivery: Delivery) -> Iterable[Any]:
        try:
            post = self._post(os.fsdecode(delivery.body))
        except (Transient, Terminal) as error:
            outcome = Outcome(ending=Ending.FAILED, reason=error.reason, delivery=delivery, detail=error.detail)
            return (beam.pvalue.TaggedOutput(ENDED, outcome),)
        return (Arrival(post=post, edge=FOLDER, identity=identify(delivery), delivery=delivery),)

    def _post(self, rel_path: str) -> Post:
        return announce(self.folder, rel_path, base_url=self.base_url, method=self.method, now=self.clock())


def announce(folder: str, rel_path: str, *, base_url: str, method: str, now: int) -> Post:
    """Return the Post of a file, folder or symbolic link. ``now`` is in nanoseconds of Unix time.

    Raises Transient where it vanished or keeps changing, Terminal where it is none of these or its name is not UTF-8.
    """
    path = f"{folder}/{rel_path}"
    fields: dict[str, Any] = {"pub_time": write_time(now), "base_url": base_url, "rel_path": _text(rel_path)}
    with disk_errors(rel_path):
        status = os.lstat(path)
        fields["mode"] = f"{stat.S_IMODE(status.st_mode):o}"
        fields["mtime"] = write_time(status.st_mtime_ns)
        if stat.S_ISREG(status.st_mode):
            return Post(**fields, **_content(path, method))
        if stat.S_ISDIR(status.st_mode):
            return Post(**fields, file_op={"directory": ""})
        if stat.S_ISLNK(status.st_mode):
            return Post(**fields, file_op={"link": _text(os.readlink(path))})  # noqa: PTH115 - a Path would cost as much as the call
    raise Terminal(Reason.UNSUPPORTED_OPERATION, f"{rel_path!r} is neither file, folder nor link")


def _text(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise Terminal(Reason.PATH_UNUSABLE, f"{path!r} is not UTF-8") from None
    return path


def _content(path: str, method: str) -> dict[str, Any]:
    """Read a file through; when it changes meanwhile, once more."""
    for _ in range(2):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            before = os.fstat(descriptor)
            fingerprint = hash_file(descriptor, method)
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            return {"size": after.st_size, "fingerprint": fingerprint}
    raise SourceUnready(Reason.TRUNCATED, f"{path!r} keeps changing")
