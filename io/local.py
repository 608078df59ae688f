"""Files that are already on a disk of ours, announced by ``file:`` URLs."""

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

from winnowry.io.disk import disk_error, is_missing
from winnowry.io.files import Files
from winnowry.io.job import Done, Job, Result
from winnowry.io.tree import tree_at
from winnowry.schemas.errors import DiskTrouble, Refused, SourceRefused, SourceUnready, Terminal, Transient, Unreachable
from winnowry.schemas.reasons import Reason

THREADS = 2
_PIECE = 1024 * 1024


class Local:
    """Copies files from below ``file_roots``, by a few threads; symbolic links on the way are not followed."""

    def __init__(self, files: Files, done: Done) -> None:
        self._roots = files.file_roots
        self._done = done
        self._closing = threading.Event()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="winnowry-file")

    def carry(self, job: Job) -> None:
        """Copy the file of ``job``."""
        self._threads.submit(self._bring, job)

    def drop(self, job: Job) -> None:
        """Do nothing: the copying looks at ``dropped`` itself."""

    def close(self) -> None:
        """Stop; what is not finished ends as Unreachable."""
        self._closing.set()
        self._threads.shutdown()

    def _bring(self, job: Job) -> None:
        try:
            descriptor = self._open(job.incoming.request.url)
            try:
                result = self._copy(descriptor, job)
            finally:
                os.close(descriptor)
        except (Transient, Terminal) as error:
            result = job.fail(error)
        self._done(job, result)

    def _open(self, url: str) -> int:
        path = local_path(url)
        for root in self._roots:
            if path.is_relative_to(root):
                return _open_regular(root, path)
        raise Refused(Reason.SCHEME_NOT_ALLOWED, f"{path} is below none of this pump's file_roots")

    def _copy(self, descriptor: int, job: Job) -> Result:
        while data := _read(descriptor, job.incoming.request.url):
            if self._closing.is_set() or job.dropped:
                return job.fail(Unreachable(Reason.UNREACHABLE, "transfers were stopped"))
            if job.incoming.take(data) != len(data):
                break
        return job.complete()


def local_path(url: str) -> Path:
    """Return the path that a ``file:`` URL means. Raises Refused for one of another host or with ``..``.

    >>> [str(local_path(url)) for url in ("file:/a/b%20c", "file:///a/b", "file:////a//b")]
    ['/a/b c', '/a/b', '/a/b']
    """
    rest = url.partition(":")[2]
    if rest.startswith("//"):
        host, _, rest = rest[2:].partition("/")
        if host not in ("", "localhost"):
            raise Refused(Reason.SCHEME_NOT_ALLOWED, f"{url} is on another host")
    components = [component for component in unquote(rest).split("/") if component not in ("", ".")]
    if ".." in components:
        raise Refused(Reason.PATH_OUTSIDE_ROOT, f"{url} holds '..'")
    return Path("/", *components)


def _open_regular(root: Path, path: Path) -> int:
    place = str(path.relative_to(root))
    try:
        descriptor = tree_at(root).open(place)
    except DiskTrouble as error:
        if is_missing(error):
            raise SourceUnready(Reason.NOT_FOUND, str(path)) from error
        if isinstance(error.__cause__, PermissionError):
            raise SourceRefused(Reason.ACCESS_DENIED, str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SourceRefused(Reason.ACCESS_DENIED, f"{path} is no regular file")
    return descriptor


def _read(descriptor: int, url: str) -> bytes:
    try:
        return os.read(descriptor, _PIECE)
    except OSError as error:
        raise disk_error(error, url) from error
