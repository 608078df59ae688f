"""Two sources that announce the same files, a winnow on Flink that hears them, and a winnow of ours behind it.

::

    xalice ─┐                            ┌─▶ ear
            ├─▶ joint (Flink) ▶ xfused ──┤
    xbob  ──┘                            └─▶ second (direct) ─▶ xclean ─▶ ear
"""

import itertools
import json
import os
import signal
import socket
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests
from announcers import announcing
from brokers import Vhost, eventually
from clusters import Cluster, consumers, holds
from ears import Ear, ear

from winnowry.io.amqp import hang_up
from winnowry.runners.cluster.load import load_cluster
from winnowry.runners.control import short, socket_of
from winnowry.runners.flink.operate import Operator, Started
from winnowry.runners.flink.options import FlinkSettings
from winnowry.runners.flink.rest import Rest
from winnowry.runners.flink.submit import job_of, submit
from winnowry.runners.servers.flink import JobServer
from winnowry.runners.servers.flink_cluster import FlinkCluster
from winnowry.runners.servers.management import Broker
from winnowry.schemas.edge import InputEdge
from winnowry.schemas.errors import Unreachable

PUMP, SECOND = "joint", "second"
SOURCES = ("xalice", "xbob")
MORE = (*SOURCES, "xcarol")
"""The sources, and one that the pump may be told to listen to as well."""
EDGES = tuple(InputEdge(kind="internal", queue=f"q_feeder.{PUMP}.{source}", exchange=source) for source in MORE)
FUSED, CLEAN = "xfused", "xclean"
SECONDS = 300.0
"""Seconds that anything may take: the machine may be busy."""
SILENCE_SECONDS = 20.0
"""Seconds without a word after which what has not been heard is lost."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What came of what was announced. ``early`` were doubled although the last checkpoint before the kill held them."""

    announced: int
    lost: int
    doubled: int
    early: int
    strange: int
    lost_behind: int
    doubled_behind: int

    def told(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, nothing doubled needlessly, and nothing seen twice behind the next winnow."""
        return not (self.lost or self.early or self.strange or self.lost_behind or self.doubled_behind)


class Winnowing:
    """Everything but the Flink cluster, which is there already. ``fused`` and ``clean`` hear what comes of it."""

    def __init__(self, vhost: Vhost, folder: Path, flink: FlinkCluster, job_server: JobServer) -> None:
        self.vhost, self.flink, self.job_server, self.rest = vhost, flink, job_server, Rest(flink.rest)
        self.cluster = Cluster(vhost, _made(folder / "first"), exchanges=(*MORE, FUSED, CLEAN))
        self.behind = Cluster(vhost, _made(folder / "behind"))
        self.stack = ExitStack()
        self.stack.enter_context(self.cluster)
        self.stack.enter_context(self.behind)
        self.write()
        self.behind.write(f"{SECOND}: {{kind: winnow, from: {FUSED}, to: {CLEAN}}}", exchanges=f"[{FUSED}]")
        self.fused: Ear = self.stack.enter_context(ear(vhost, FUSED))
        self.clean: Ear = self.stack.enter_context(ear(vhost, CLEAN))
        self.behind.start(SECOND)
        self.behind.listening(f"q_feeder.{SECOND}")
        self._rounds = itertools.count(1)

    def write(self, more: str = "", *, sources: Sequence[str] = SOURCES) -> None:
        """Write the cluster file; ``more`` is added to the pump, which listens to these ``sources``."""
        self.queues = [edge.queue for edge in EDGES if edge.exchange in sources]
        pump = f"{PUMP}: {{kind: winnow, from: [{', '.join(sources)}], to: {FUSED}{more}}}"
        engine = {"name": "flink", "master": self.flink.master, "workers": self.flink.pool, "parallelism": 2}
        self.cluster.write(pump, exchanges=f"[{', '.join(MORE)}]", engine=json.dumps(engine))

    # -- the job

    @property
    def operator(self) -> Operator:
        return Operator(load_cluster(self.cluster.file), self.rest)

    def start(self, *, afresh: bool = True, every: float = 1.0) -> Started:
        """Start the pump with nothing, or where its newest restore point left off; wait until it reads.

        It makes a checkpoint ``every`` so many seconds.
        """
        started = self.operator.start(PUMP, partial(self._submit, every), afresh=afresh)
        for queue in self.queues:
            eventually(lambda queue=queue: consumers(self.vhost, queue) > 0, SECONDS, f"a consumer of {queue}")
        return started

    def _submit(self, every: float, pump: str, origin: str | None) -> object:
        settings = FlinkSettings(
            job_server=self.job_server.address,
            workers=self.flink.pool,
            parallelism=2,
            checkpoint_seconds=every,
            savepoint=origin,
        )
        return submit(job_of(load_cluster(self.cluster.file), pump), settings)

    def stop(self) -> None:
        """End the job as it is, if there is one, and wait until nobody reads any more."""
        if (job := self.operator.job(PUMP)) is not None:
            self.rest.cancel(job.id)
        for queue in self.queues:
            eventually(lambda queue=queue: not consumers(self.vhost, queue), SECONDS, f"nobody reading {queue}")

    @property
    def job(self) -> str:
        job = self.operator.job(PUMP)
        assert job is not None
        return job.id

    def checkpoints(self, what: str = "") -> dict[str, Any]:
        """Return what Flink tells of the job's checkpoints; with ``/config``, of how it makes them."""
        told: dict[str, Any] = requests.get(f"{self.flink.rest}/jobs/{self.job}/checkpoints{what}", timeout=30).json()
        return told

    def completed(self) -> int:
        """Return how many checkpoints have been completed since the job was submitted."""
        return int(self.checkpoints()["counts"]["completed"])

    def last_checkpoint(self) -> float:
        """Return when the last completed checkpoint was begun (Unix time)."""
        completed = self.checkpoints()["latest"]["completed"]
        return float(completed["trigger_timestamp"]) / 1000 if completed else 0.0

    # -- what flows

    def announcing(
        self, names: Sequence[str], *, by: Sequence[str] = SOURCES, at_once: int = 500, pause: float = 0.0
    ) -> AbstractContextManager[None]:
        """Let sources announce these files meanwhile, as fast as they can unless they pause; leave when they have."""
        return announcing(self.vhost, [edge for edge in EDGES if edge.exchange in by], names, at_once=at_once, pause=pause)

    def status(self) -> dict[str, Any]:
        """Return the status of the reader; nothing where none answers."""
        try:
            return self.cluster.ask(PUMP)
        except Unreachable:
            return {}

    def unsettled(self) -> int:
        """Return how much the reader has handed out that is not acknowledged, once it answers."""
        return int(self.cluster.until(PUMP, bool, SECONDS)["unsettled"])

    def settles(self) -> None:
        """Wait until nothing is underway on Flink: the queues are empty, and everything is acknowledged."""

        def at_rest() -> bool:
            told = self.status()
            return bool(told) and not (
                told["waiting"] or told["unsettled"] or told["later"] or self.cluster.depth(*self.queues)
            )

        eventually(at_rest, SECONDS, f"rest, instead of {self.status()},")
        eventually(lambda: not self._kept(), SECONDS, "the broker having all acknowledgements")

    def _kept(self) -> int:
        found = self.vhost.broker.queues(self.vhost.name)
        return sum(int(queue.get("messages", 0)) for queue in found if queue["name"] in self.queues)

    def tally(self, names: Collection[str], since: float) -> Tally:
        """Wait until everything was heard that will be, and count; ``since`` is when the last checkpoint was begun."""
        for listening in (self.fused, self.clean):
            listening.hears_all(names, SILENCE_SECONDS)
        self.behind.until(SECOND, lambda told: not holds(told) and not self.vhost.depth(f"q_feeder.{SECOND}"), SECONDS)
        doubled = [name for name, times in self.fused.heard.items() if times > 1]
        return Tally(
            announced=len(names),
            lost=len(set(names) - self.fused.first.keys()),
            doubled=len(doubled),
            early=sum(self.fused.first[name] < since for name in doubled),
            strange=len(self.fused.first.keys() - set(names)),
            lost_behind=len(set(names) - self.clean.first.keys()),
            doubled_behind=sum(times > 1 for times in self.clean.heard.values()),
        )

    def begin(self, count: int, *, afresh: bool = True, every: float = 1.0) -> list[str]:
        """Begin a round, with a new job unless one may go on; return the names of files that nobody has announced yet."""
        self.flink.wait_for_task_managers(len(self.flink.pools))
        self.fused.forget()
        self.clean.forget()
        if afresh or self.operator.job(PUMP) is None:
            self.stop()
            self.write()
            self.start(every=every)
        eventually(lambda: self.completed() > 0, SECONDS, "a checkpoint")
        number = next(self._rounds)
        return [f"{number}/{file}" for file in range(count)]

    def end(self, names: Collection[str], since: float) -> Tally:
        """Wait until everything is over, and count."""
        self.settles()
        return self.tally(names, since)

    # -- who dies

    def kill_everything(self) -> None:
        """Kill the JobManager, the TaskManagers with their workers, and the job server; start all of them again."""
        for process in self.workers():
            os.kill(process, signal.SIGKILL)
        for number in self.flink.pools:
            self.flink.kill_task_manager(number)
        self.flink.kill_job_manager()
        self.job_server.kill()
        self.flink.start_job_manager()
        for number in self.flink.pools:
            self.flink.start_task_manager(number)
        self.job_server.start()
        self.flink.wait_for_task_managers(len(self.flink.pools))

    def workers(self) -> list[int]:
        """Return the process numbers of all workers."""
        return [pid for pool in self.flink.pools.values() for pid in pool.workers()]

    def busy_task_managers(self) -> list[int]:
        """Return the numbers of the TaskManagers that have workers."""
        return [number for number, pool in self.flink.pools.items() if pool.workers()]

    @contextmanager
    def without_a_gate(self) -> Iterator[Callable[[], AbstractContextManager[None]]]:
        """Stop the worker that does not read, so that a checkpoint that is begun meanwhile comes to no end.

        Yield what lets it work for a while.
        """
        reader = self.reader()
        worker = next(process for process in self.workers() if process != reader)
        with _sent(worker, signal.SIGSTOP, signal.SIGCONT):
            yield lambda: _sent(worker, signal.SIGCONT, signal.SIGSTOP)

    def reader(self) -> int:
        """Return the process number of the worker that reads."""
        with (
            short(socket_of(load_cluster(self.cluster.file).state / PUMP, 1)) as path,
            socket.socket(socket.AF_UNIX) as connection,
        ):
            connection.connect(path)
            return int(struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])


@contextmanager
def winnowing(broker: Broker, folder: Path, flink: FlinkCluster, job_server: JobServer) -> Iterator[Winnowing]:
    """Yield everything in a virtual host of its own."""
    vhost = Vhost(broker)
    broker.add_vhost(vhost.name)
    with ExitStack() as undo:
        undo.callback(broker.remove_vhost, vhost.name)
        undo.callback(hang_up)
        made = Winnowing(vhost, folder, flink, job_server)
        undo.callback(made.stack.close)
        undo.callback(made.stop)
        yield made


@contextmanager
def _sent(process: int, first: signal.Signals, last: signal.Signals) -> Iterator[None]:
    """Send a process one signal, and another one at the end, if it is still there."""
    os.kill(process, first)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, last)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
