"""Files over http and https: one thread, many connections, driven by libcurl."""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import quote

import pycurl

from winnowry.io.curl_errors import curl_error, status_error
from winnowry.io.files import Files
from winnowry.io.job import Done, Job
from winnowry.io.lanes import CROWD, Lanes, lane_of
from winnowry.schemas.errors import SourceRefused, Unreachable
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason

REDIRECTS = 5
_HTTP = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS
_AS_IT_IS = "/%?&=:;@!$'()*+,~"


def url_of(post: Post) -> str:
    """Return where the file is, with exactly one slash after the base and everything that a URL cannot hold escaped.

    A ``rel_path`` is raw text, in which even ``%41`` stands for itself; a ``retrieve_path`` is part of a URL already.

    >>> url_of(Post(pub_time="20260101T000000.0", base_url="http://h/x/", rel_path="/a %41#é"))
    'http://h/x/a%20%2541%23%C3%A9'
    """
    if post.retrieve_path:
        path = quote(post.retrieve_path.removeprefix("/"), safe=_AS_IT_IS)
    else:
        path = quote(post.rel_path.removeprefix("/"))
    return f"{post.base_url.removesuffix('/')}/{path}"


class Http:
    """Brings files over http(s). Certificates are verified; redirects are followed to http(s) only, five at most."""

    def __init__(self, files: Files, done: Done) -> None:
        self._files = files
        self._done = done
        in_all = 4 * files.connections
        self._lanes = Lanes(files.connections, in_all)
        self._inbox: deque[Job] = deque()
        self._active: dict[bytes, pycurl.Curl] = {}
        self._free: list[pycurl.Curl] = []
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, CROWD * in_all)
        self._ears, self._mouth = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._asleep = False
        self._closing = False
        self._next_look = 0.0
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def carry(self, job: Job) -> None:
        """Bring the file of ``job``."""
        self._inbox.append(job)
        self._wake()

    def drop(self, job: Job) -> None:
        """Stop bringing ``job``."""
        self._inbox.append(job)
        self._wake()

    def close(self) -> None:
        """Stop; what is not finished ends as Unreachable."""
        self._closing = True
        if self._thread is not None:
            self._wake()
            self._thread.join()
        os.close(self._ears)
        os.close(self._mouth)

    def _wake(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._start()
        if self._asleep:
            with suppress(BlockingIOError):
                os.write(self._mouth, b"!")

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="winnowry-http", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            while not self._closing:
                self._admit()
                self._begin()
                self._multi.perform()
                if not self._collect():
                    self._sleep()
                self._expire()
        finally:
            self._abandon()

    def _admit(self) -> None:
        while self._inbox:
            job = self._inbox.popleft()
            if not job.dropped:
                job.lane = lane_of(job.incoming.request)
                self._lanes.put(job)
            elif (handle := self._active.get(job.key)) is not None and handle.job is job:
                self._release(handle)
                job.fail(Unreachable(Reason.UNREACHABLE, "dropped"))

    def _begin(self) -> None:
        while (job := self._lanes.next()) is not None:
            if job.dropped:
                self._lanes.leave(job)
                continue
            handle = self._free.pop() if self._free else self._handle()
            try:
                self._aim(handle, job)
            except (pycurl.error, ValueError) as error:
                self._free.append(handle)
                self._lanes.leave(job)
                self._done(
                    job, job.fail(SourceRefused(Reason.SCHEME_NOT_ALLOWED, f"{job.incoming.request.url[:200]!r}: {error}"))
                )
            else:
                self._active[job.key] = handle
                self._multi.add_handle(handle)

    def _handle(self) -> pycurl.Curl:
        handle = pycurl.Curl()
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.FAILONERROR, 1),
            (pycurl.FOLLOWLOCATION, 1),
            (pycurl.MAXREDIRS, REDIRECTS),
            (pycurl.PROTOCOLS, _HTTP),
            (pycurl.REDIR_PROTOCOLS, _HTTP),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.PATH_AS_IS, 1),
            (pycurl.CAINFO, self._files.certificates),
            (pycurl.PROXY, self._files.proxy),
            (pycurl.USERAGENT, "winnowry"),
            (pycurl.BUFFERSIZE, 512 * 1024),
            (pycurl.CONNECTTIMEOUT_MS, int(self._files.connect_timeout * 1000)),
        ):
            handle.setopt(option, value)
        return handle

    def _aim(self, handle: pycurl.Curl, job: Job) -> None:
        request = job.incoming.request
        handle.job = job
        job.incoming.touched = time.monotonic()
        handle.setopt(pycurl.URL, request.url.encode())
        handle.setopt(pycurl.MAXFILESIZE_LARGE, request.size or 0)
        handle.setopt(pycurl.WRITEFUNCTION, job.incoming.take)

    def _collect(self) -> bool:
        """Hand over what has ended; return whether anything has."""
        ended = False
        while True:
            waiting, good, bad = self._multi.info_read()
            for handle in good:
                self._end(handle)
            for handle, number, text in bad:
                self._end(handle, number, text)
            ended = ended or bool(good or bad)
            if not waiting:
                return ended

    def _end(self, handle: pycurl.Curl, number: int = 0, text: str = "") -> None:
        job: Job = handle.job
        status = handle.getinfo(pycurl.RESPONSE_CODE)
        self._release(handle)
        if number:
            self._done(job, job.fail(curl_error(number, text, status)))
        elif status != 200:
            self._done(job, job.fail(status_error(status)))
        else:
            self._done(job, job.complete())

    def _release(self, handle: pycurl.Curl) -> None:
        self._multi.remove_handle(handle)
        self._lanes.leave(handle.job)
        del self._active[handle.job.key]
        self._free.append(handle)

    def _sleep(self) -> None:
        """Wait until a connection is ready, somebody calls, or libcurl's own time is up."""
        self._asleep = True
        if not self._inbox and not self._closing:
            readable, writable, _ = self._multi.fdset()
            milliseconds = self._multi.timeout()
            patience = (milliseconds if 0 <= milliseconds < 100 else 100) if self._active else None
            if self._ears in _ready([self._ears, *readable], writable, patience):
                os.read(self._ears, 4096)
        self._asleep = False

    def _expire(self) -> None:
        """End what has stalled. libcurl's own low speed limit looks at averages over five seconds, which is late."""
        now, patience = time.monotonic(), self._files.stall_timeout
        if now < self._next_look:
            return
        self._next_look = now + patience / 10
        for handle in list(self._active.values()):
            job: Job = handle.job
            if now - job.incoming.touched >= patience:
                self._release(handle)
                self._done(job, job.fail(Unreachable(Reason.TIMED_OUT, f"nothing came for {patience} s")))

    def _abandon(self) -> None:
        self._asleep = False
        lost = Unreachable(Reason.UNREACHABLE, "transfers were stopped")
        jobs = [handle.job for handle in self._active.values()]
        for handle in list(self._active.values()):
            self._release(handle)
        while self._inbox:
            jobs.append(self._inbox.popleft())
        for job in (*jobs, *self._lanes.clear()):
            self._done(job, job.fail(lost))


def _ready(readable: Iterable[int], writable: Iterable[int], milliseconds: int | None) -> list[int]:
    """Wait for one of these descriptors; unlike ``select``, ``poll`` takes high numbers too."""
    waiting = select.poll()
    for descriptor in readable:
        waiting.register(descriptor, select.POLLIN)
    for descriptor in writable:
        waiting.register(descriptor, select.POLLOUT)
    return [descriptor for descriptor, _ in waiting.poll(milliseconds)]
