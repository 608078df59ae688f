"""Who is next: files waiting for a connection, so that neither a slow server nor a large file delays the others."""

from collections import Counter, OrderedDict, deque
from urllib.parse import urlsplit

from winnowry.io.incoming import Request
from winnowry.io.job import Job, Lane

CROWD = 4
BULK = 16 * 1024 * 1024
"""Bodies announced larger than this many bytes use at most a quarter of a host's connections."""


class Lanes:
    """Files waiting, one lane a host and its large files in another; lanes take turns.

    ``each`` is how many files of one host may be under way, ``limit`` how many of all hosts. A host with none under way may
    begin one beyond that, up to ``CROWD`` times as many: a few hosts whose transfers never end must not stop all others.
    """

    def __init__(self, each: int, limit: int) -> None:
        self._widths = {False: each, True: max(1, each // 4)}
        self._limit = limit
        self._waiting: OrderedDict[Lane, deque[Job]] = OrderedDict()
        self._busy: Counter[Lane] = Counter()

    def put(self, job: Job) -> None:
        """Let ``job`` wait for its turn."""
        self._waiting.setdefault(job.lane, deque()).append(job)

    def next(self) -> Job | None:
        """Return whose turn it is, counted as under way from now on; None while all who wait have to."""
        total = self._busy.total()
        if total >= CROWD * self._limit:
            return None
        for lane, jobs in self._waiting.items():
            if self._busy[lane] < (self._widths[lane[1]] if total < self._limit else 1):
                self._busy[lane] += 1
                self._waiting.move_to_end(lane)
                job = jobs.popleft()
                if not jobs:
                    del self._waiting[lane]
                return job
        return None

    def leave(self, job: Job) -> None:
        """Count ``job`` as no longer under way."""
        self._busy[job.lane] -= 1
        if not self._busy[job.lane]:
            del self._busy[job.lane]

    def clear(self) -> list[Job]:
        """Return all who wait, who then wait no longer."""
        jobs = [job for waiting in self._waiting.values() for job in waiting]
        self._waiting.clear()
        return jobs


def lane_of(request: Request) -> Lane:
    """Return where ``request`` has to queue.

    >>> lane_of(Request(url="http://user@Example.org.:080?x/a/b", place="b", size=10))
    ('example.org:80', False)
    """
    return _server_of(request.url), request.size is not None and request.size > BULK


def _server_of(url: str) -> str:
    """Return host and port, however they are written: an announcer must not make many servers of one."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # no such server can be reached either
        return ""
    return f"{(parts.hostname or '').rstrip('.')}:{port}"
