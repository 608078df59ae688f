"""A worker pool: starts a process of ours wherever a TaskManager of Flink asks for one.

It is Beam's `worker_pool_main` but for three things: it listens where it is told and not on all interfaces (whoever reaches a
pool can have any code run there); its workers are run by the interpreter that runs the pool and not by the first `python` in
PATH, with a wrong one of which a job waits for ever; and what a worker prints goes where the pool's own words go, not into a
pipe that nobody reads.
"""

import subprocess
import sys
import threading
from collections.abc import Sequence

import grpc
import structlog
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from apache_beam.runners.worker.sdk_worker import SdkHarness
from apache_beam.utils.thread_pool_executor import shared_unbounded_instance

from winnowry.runners.bell import asked_to_end
from winnowry.schemas.errors import ConfigError

log = structlog.get_logger(__name__)

_PATIENCE = 10.0
"""Seconds that a worker has to end after it was asked to."""

_OPTIONS = [("grpc.http2.max_pings_without_data", 0), ("grpc.http2.max_ping_strikes", 0), ("grpc.so_reuseport", 0)]


class Pool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Answers TaskManagers: starts the workers that they ask for, and ends them."""

    def __init__(self, state_cache: int = 0) -> None:
        self._command = [sys.executable, "-m", "winnowry.runners.flink", "--state-cache", str(state_cache), "worker"]
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def StartWorker(
        self, request: beam_fn_api_pb2.StartWorkerRequest, context: grpc.ServicerContext
    ) -> beam_fn_api_pb2.StartWorkerResponse:
        """Start the worker that is asked for."""
        del context
        command = [*self._command, request.control_endpoint.url, request.worker_id]
        try:
            worker = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        except OSError as error:
            return beam_fn_api_pb2.StartWorkerResponse(error=f"cannot start {sys.executable}: {error}")
        with self._lock:
            self._workers[request.worker_id] = worker
        log.info("a worker was started", worker=request.worker_id, pid=worker.pid, control=request.control_endpoint.url)
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(
        self, request: beam_fn_api_pb2.StopWorkerRequest, context: grpc.ServicerContext
    ) -> beam_fn_api_pb2.StopWorkerResponse:
        """End a worker, and answer when it has ended."""
        del context
        with self._lock:
            worker = self._workers.pop(request.worker_id, None)
        if worker is not None:
            _end([worker])
            log.info("a worker was stopped", worker=request.worker_id, pid=worker.pid, code=worker.returncode)
        return beam_fn_api_pb2.StopWorkerResponse()

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            workers, self._workers = list(self._workers.values()), {}
        _end(workers)


def serve(address: str, state_cache: int = 0) -> None:
    """Be a worker pool at ``address`` (host:port) until Ctrl-C or SIGTERM; ``state_cache`` is bytes for each worker.

    Raises ConfigError when it cannot listen there.
    """
    server, pool = grpc.server(shared_unbounded_instance(), options=_OPTIONS), Pool(state_cache)
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    _listen(server, address)

    asked = asked_to_end()
    server.start()
    log.info("the worker pool is up", address=address, python=sys.executable)
    asked.wait()
    server.stop(None)
    pool.close()


def work(control: str, name: str, state_cache: int = 0) -> None:
    """Be a worker for the TaskManager whose control service listens at ``control`` (host:port), until it hangs up."""
    SdkHarness(control, worker_id=name, state_cache_size=state_cache).run()


def _listen(server: grpc.Server, address: str) -> None:
    try:
        listens = server.add_insecure_port(address)
    except RuntimeError:
        listens = 0
    if not listens:
        raise ConfigError(f"a worker pool cannot listen at {address}: the port is taken, or it is no address of this host")


def _end(workers: Sequence["subprocess.Popen[bytes]"]) -> None:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        try:
            worker.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
