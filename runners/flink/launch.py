"""`winnowry run` on Flink: what is not there already is started here; the pumps are handed over, and watched until the end."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog

from winnowry.io.amqp import hang_up
from winnowry.runners.alone import alone
from winnowry.runners.bell import Bell, asked_to_end
from winnowry.runners.cluster.load import Cluster
from winnowry.runners.flink.checks import check_engine, too_old, version_of
from winnowry.runners.flink.download import EMBEDDED_VERSION, beam_jar, flink_at
from winnowry.runners.flink.embedded import forget, going_on, last_point
from winnowry.runners.flink.operate import Operator
from winnowry.runners.flink.options import FlinkSettings
from winnowry.runners.flink.rest import Rest
from winnowry.runners.flink.run import Run
from winnowry.runners.flink.submit import job_of, submit
from winnowry.runners.servers.flink import JobServer
from winnowry.runners.servers.worker_pool import WorkerPool
from winnowry.schemas.errors import Terminal, Transient

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5

IDLE_LOOKS = 4
"""Looks in a row that find nothing left to do, until a run `--until-idle` ends."""

DRAIN_SECONDS = 30.0
"""Seconds that what was taken in has to be settled in, when a run is ended."""


def launch(cluster: Cluster, pumps: Sequence[str], *, until_idle: bool) -> int:
    """Run pumps on Flink until SIGTERM or Ctrl-C, or until they are idle. Returns the exit code: 0, or 1 for trouble."""
    stopping = asked_to_end()
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


def _started(cluster: Cluster, pumps: Sequence[str], stack: ExitStack) -> list[Run]:
    engine = cluster.settings.engine
    check_engine(engine)
    (cluster.state / "flink").mkdir(parents=True, exist_ok=True)
    for pump in pumps:
        stack.enter_context(alone(_folder(cluster, pump)))
    workers = engine.workers or stack.enter_context(WorkerPool(cluster.state / "flink")).address
    settings = FlinkSettings(
        job_server="",
        workers=workers,
        parallelism=engine.parallelism,
        checkpoint_seconds=engine.checkpoints.total_seconds(),
    )
    stack.enter_context(threads := ThreadPoolExecutor(len(pumps)))
    servers = list(threads.map(partial(_server, cluster, stack), pumps))
    return [_handed_over(cluster, name, server, settings) for name, server in zip(pumps, servers, strict=True)]


@dataclass(frozen=True)
class _Server:
    """A job server, and where the Flink behind it is asked; None where nobody says.

    ``goes_on_from`` is where an embedded Flink was told to go on from, when it was started.
    """

    address: str
    rest: Rest | None
    goes_on_from: str | None = None


def _server(cluster: Cluster, stack: ExitStack, pump: str) -> _Server:
    """Return the job server for a pump; an embedded Flink runs one pump, as a process of its own."""
    engine = cluster.settings.engine
    if engine.job_server is not None:
        return _Server(engine.job_server, Rest(f"http://{engine.master}") if engine.master is not None else None)
    folder = _folder(cluster, pump)
    folder.mkdir(parents=True, exist_ok=True)
    jars = engine.jars or beam_jar(EMBEDDED_VERSION if engine.master is None else flink_at(engine.master))
    if (sentence := too_old(version_of(jars))) is not None:
        log.warning(sentence, pump=pump)
    if engine.master is not None:
        server = stack.enter_context(JobServer(folder, jars, engine.master))
        return _Server(server.address, Rest(server.rest))
    forget(folder)
    point = last_point(folder)
    server = stack.enter_context(JobServer(folder, jars, settings=going_on(point)))
    return _Server(server.address, Rest(server.rest), point.url if point is not None else None)


def _handed_over(cluster: Cluster, pump: str, server: _Server, settings: FlinkSettings) -> Run:
    """Hand a pump to Flink, to go on where its last run left off."""
    engine, job = cluster.settings.engine, job_of(cluster, pump)
    runs: list[Run] = []

    def hand_over(_: str, origin: str | None) -> None:
        log.info("handing over", pump=pump, goes_on_from=origin or server.goes_on_from)
        chosen = replace(settings, job_server=server.address, savepoint=origin)
        runs.append(Run(job, submit(job, chosen), server.rest))

    if engine.master is not None and server.rest is not None:
        Operator(cluster, server.rest).start(pump, hand_over)
    else:
        if engine.job_server is not None:
            log.warning("nothing says which Flink is behind the job server (`engine.master`): what it kept is lost", pump=pump)
        hand_over(pump, None)
    return runs[0]


def _folder(cluster: Cluster, pump: str) -> Path:
    return cluster.state / pump / "flink"


def _watch(runs: Sequence[Run], stopping: Bell, until_idle: bool) -> None:
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
