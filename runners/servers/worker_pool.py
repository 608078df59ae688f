"""A worker pool of our own: where Flink's TaskManagers on this host get the processes that run a pump's functions."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from winnowry.runners.servers.owned import Owned
from winnowry.runners.servers.ports import free_port
from winnowry.runners.servers.server import Server

STATE_CACHE = 128 * 1024 * 1024
"""Bytes that each worker should have for state that it has read before."""

_START_SECONDS = 60.0


class WorkerPool(Server):
    """A pool at ``address``, on loopback, started by ``start`` or by entering its context; it logs to ``folder``.

    ``host`` is an address of this machine; ``state_cache`` is bytes that each worker has for state that it has read before.
    After ``stop`` it can be started again at the same address. Raises Unreachable, with its last words, where it does not
    come up.
    """

    def __init__(
        self, folder: Path, *, host: str = "127.0.0.1", port: int | None = None, state_cache: int = STATE_CACHE
    ) -> None:
        self.host, self.port = host, port or free_port()
        self.log = folder / f"worker-pool-{host}-{self.port}.log"
        options = ["--state-cache", str(state_cache)]
        self._command = [sys.executable, "-m", "winnowry.runners.flink", *options, "pool", self.address]
        self._process: Owned | None = None

    @property
    def address(self) -> str:
        """host:port, as Beam's `environment_config` wants it."""
        return f"{self.host}:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it is up."""
        return self._process is not None and self._process.running

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = Owned(self._command, log=self.log)
        self._process.wait_for_port(self.port, _START_SECONDS, host=self.host)

    def stop(self) -> None:
        """End it and its workers."""
        if self._process is not None:
            self._process.stop()
        self._process = None

    def workers(self) -> list[int]:
        """Return the process numbers of the workers that run, the oldest first."""
        return children(self._process.pid) if self._process is not None else []


def children(pid: int) -> list[int]:
    """Return the process numbers of the children of a process that have not ended."""
    return sorted(child for child, parent in _families() if parent == pid)


def _families() -> Iterator[tuple[int, int]]:
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = file.read_text(errors="replace").rpartition(")")[2].split()[:2]
            if state != "Z":
                yield int(file.parent.name), int(parent)
