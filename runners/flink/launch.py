"""`winnowry run` on Flink: what is not there already is started here; the pumps are handed over, and watched until the end."""

import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import structlog
from apache_beam.runners.runner import PipelineResult, PipelineState

from winnowry.io.amqp import connect, hang_up
from winnowry.runners.cluster.load import Cluster
from winnowry.runners.control import ask, socket_of
from winnowry.runners.flink.checks import check_engine, too_old, version_of
from winnowry.runners.flink.download import beam_jar
from winnowry.runners.flink.graph import Job
from winnowry.runners.flink.options import FlinkSettings
from winnowry.runners.flink.submit import job_of, submit
from winnowry.runners.servers.flink import EMBEDDED, JobServer
from winnowry.runners.servers.worker_pool import WorkerPool
from winnowry.schemas.errors import Terminal, Transient, Unreachable
from winnowry.schemas.reasons import Reason

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5

IDLE_LOOKS = 4
"""Looks in a row that find nothing left to do, until a run `--until-idle` ends."""

DRAIN_SECONDS = 30.0
"""Seconds that what was taken in has to be settled in, when a run is ended."""


def launch(cluster: Cluster, pumps: Sequence[str], *, until_idle: bool) -> int:
    """Run pumps on Flink until SIGTERM or Ctrl-C, or until they are idle. Returns the exit code: 0, or 1 for trouble."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        with ExitStack() as stack:
            stack.callback(hang_up)
            runs = _started(cluster, pumps, stack)
            _watch(runs, stopping, until_idle)
            _drain(runs)
    except (Transient, Terminal) as error:
        log.error("the pumps cannot go on", error=str(error))  # noqa: TRY400 - a sentence, not a traceback
        return 1
    return 0


class Run:
    """One pump on Flink, watched from here."""

    def __init__(self, job: Job, result: PipelineResult) -> None:
        self._job, self._result = job, result
        self._source = connect(job.source.settings(job.name))
        self._sockets = [socket_of(job.pump.state, number) for number in range(1, job.readers + 1)]

    def check(self) -> None:
        """Raise Unreachable where the job has ended by itself."""
        if (state := self._result.state) in (PipelineState.FAILED, PipelineState.CANCELLED, PipelineState.DONE):
            raise Unreachable(Reason.UNREACHABLE, f"{self._job.pump.name}: its job on Flink has ended ({state.lower()})")

    def idle(self) -> bool:
        """Whether its queues are empty, and everything that was taken from them is settled."""
        return self._settled("waiting", "unsettled") and not any(
            self._source.depth(edge.queue) for edge in self._job.pump.inputs
        )

    def pause(self) -> None:
        """Take nothing more in."""
        self._ask({"do": "hold", "reason": "the run ends", "by": "winnowry"})

    def settled(self) -> bool:
        """Whether everything that was taken in is settled."""
        return self._settled("unsettled")

    def end(self) -> None:
        """End the job, and let the next run take messages in."""
        self._ask({"do": "lift"})
        self._result.cancel()

    def _settled(self, *counts: str) -> bool:
        answers = self._ask({"do": "status"})
        return len(answers) == len(self._sockets) and not any(answer[count] for answer in answers for count in counts)

    def _ask(self, request: dict[str, object]) -> list[dict[str, object]]:
        answers = []
        for path in self._sockets:
            try:
                answers.append(ask(path, request))
            except Unreachable:
                log.debug("a reader does not answer", pump=self._job.pump.name)
        return answers


def _started(cluster: Cluster, pumps: Sequence[str], stack: ExitStack) -> list[Run]:
    engine = cluster.settings.engine
    check_engine(engine)
    (cluster.state / "flink").mkdir(parents=True, exist_ok=True)
    workers = engine.workers or stack.enter_context(WorkerPool(cluster.state / "flink")).address
    settings = FlinkSettings(
        job_server=engine.job_server or "",
        workers=workers,
        parallelism=engine.parallelism,
        checkpoint_seconds=engine.checkpoints.total_seconds(),
    )
    stack.enter_context(threads := ThreadPoolExecutor(len(pumps)))
    servers = list(threads.map(partial(_job_server, cluster, stack), pumps))
    runs = []
    for name, address in zip(pumps, servers, strict=True):
        job = job_of(cluster, name)
        runs.append(Run(job, submit(job, replace(settings, job_server=address))))
    return runs


def _job_server(cluster: Cluster, stack: ExitStack, pump: str) -> str:
    """Return the address of the job server for a pump; an embedded Flink runs one pump, as a process of its own."""
    engine = cluster.settings.engine
    if engine.job_server is not None:
        return engine.job_server
    folder = cluster.state / pump / "flink"
    folder.mkdir(parents=True, exist_ok=True)
    jars = engine.jars or beam_jar()
    if (sentence := too_old(version_of(jars))) is not None:
        log.warning(sentence, pump=pump)
    return stack.enter_context(JobServer(folder, jars, engine.master or EMBEDDED)).address


def _watch(runs: Sequence[Run], stopping: threading.Event, until_idle: bool) -> None:
    looks = 0
    while not stopping.wait(LOOK_SECONDS):
        for run in runs:
            run.check()
        looks = looks + 1 if until_idle and all(run.idle() for run in runs) else 0
        if looks == IDLE_LOOKS:
            return


def _drain(runs: Sequence[Run]) -> None:
    for run in runs:
        run.pause()
    if not _until(lambda: all(run.settled() for run in runs), DRAIN_SECONDS):
        log.warning("ended before everything was settled: the rest is delivered again")
    for run in runs:
        run.end()


def _until(happens: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (happened := happens()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return happened
