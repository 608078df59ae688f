"""A whole Flink cluster on this machine, as private processes: a JobManager, TaskManagers, and a worker pool beside each."""

import contextlib
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from winnowry.runners.flink.rest import Rest
from winnowry.runners.servers.flink import durable_settings
from winnowry.runners.servers.java import start_java, write_config
from winnowry.runners.servers.owned import Owned
from winnowry.runners.servers.ports import free_port
from winnowry.runners.servers.server import Server
from winnowry.runners.servers.worker_pool import STATE_CACHE, WorkerPool
from winnowry.schemas.errors import Transient, Unreachable
from winnowry.schemas.reasons import Reason

_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_START_SECONDS = 120.0
_POOL = "worker-pool"
"""The name under which each TaskManager finds the pool beside it."""

_SMALL: dict[str, object] = {
    "jobmanager.memory.process.size": "1g",
    "taskmanager.cpu.cores": 2.0,
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.task.heap.size": "384m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.off-heap.size": "128m",
    "taskmanager.memory.managed.size": "128m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.network.max": "64m",
    "taskmanager.memory.jvm-metaspace.size": "192m",
    "taskmanager.memory.jvm-overhead.min": "64m",
    "taskmanager.memory.jvm-overhead.max": "64m",
}
"""Sizes for one machine. A TaskManager that is started without Flink's scripts does not start unless all of them are set."""

_QUICK: dict[str, object] = {
    "classloader.resolve-order": "parent-first",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": 1000,
    "restart-strategy.fixed-delay.delay": "1s",
    "heartbeat.interval": 2000,
    "heartbeat.timeout": 20000,
    "metrics.fetcher.update-interval": 1000,
}
"""A TaskManager that died is missed after a few seconds, and its jobs begin again on what is left; counts are told soon."""


class FlinkCluster(Server):
    """A JobManager and TaskManagers numbered from 1, each as if on a host of its own, with the pool of its workers.

    Checkpoints and savepoints are kept in ``folder``, and logs. What is killed can be started again at the same address.
    ``slots`` are those of one TaskManager, ``state_cache`` is for each worker; ``settings`` are Flink's, added to ours. Raises
    ConfigError where Java or the jars are missing, Unreachable with the last words of what does not come up.
    """

    def __init__(
        self,
        folder: Path,
        jars: Path,
        *,
        task_managers: int = 2,
        slots: int = 4,
        rest_port: int | None = None,
        pool_port: int | None = None,
        state_cache: int = STATE_CACHE,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.folder, self.slots = folder.resolve(), slots
        self._jars, self._settings = jars, dict(settings or {})
        self._rpc_port, self._rest_port, pool_port = free_port(), rest_port or free_port(), pool_port or free_port()
        self.master = f"localhost:{self._rest_port}"
        self.pool = f"{_POOL}:{pool_port}"
        numbers = range(1, task_managers + 1)
        self.pools = {
            number: WorkerPool(self.folder, host=f"127.0.0.{number + 1}", port=pool_port, state_cache=state_cache)
            for number in numbers
        }
        self._job_manager: Owned | None = None
        self._task_managers: dict[int, Owned] = {}

    @property
    def rest(self) -> str:
        """URL of the REST interface."""
        return f"http://{self.master}"

    def start(self) -> None:
        """Start everything, and wait until all slots are there."""
        self.start_job_manager()
        for number, pool in self.pools.items():
            pool.start()
            self.start_task_manager(number)
        self.wait_for_task_managers(len(self.pools))

    def stop(self) -> None:
        """End everything, the JobManager last."""
        for process in [*self._task_managers.values(), self._job_manager]:
            if process is not None:
                process.kill()
        for pool in self.pools.values():
            pool.stop()
        self._task_managers, self._job_manager = {}, None
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)

    def start_job_manager(self) -> None:
        """Start the JobManager, and wait until it answers."""
        conf = write_config(self.folder / "conf" / "job-manager", self._common("job-manager") | self._rest_settings())
        arguments = ["--configDir", str(conf), "--executionMode", "cluster"]
        self._job_manager = self._java("job-manager", _JOB_MANAGER, arguments)
        self._job_manager.wait_for_port(self._rest_port, _START_SECONDS)
        self.wait_for_task_managers(0)

    def kill_job_manager(self) -> None:
        """Kill the JobManager at once: it forgets its jobs, whose checkpoints stay."""
        if self._job_manager is not None:
            self._job_manager.kill()
        self._job_manager = None

    def start_task_manager(self, number: int) -> None:
        """Start a TaskManager, and do not wait for it."""
        name = f"task-manager-{number}"
        own = {"taskmanager.numberOfTaskSlots": self.slots, "taskmanager.resource-id": f"{name}-{time.time_ns()}"}
        conf = write_config(self.folder / "conf" / name, self._common(name) | own)
        hosts = conf / "hosts"
        ours = f"127.0.0.1 localhost {socket.gethostname()}"
        hosts.write_text(f"{ours}\n{self.pools[number].host} {_POOL}\n")
        flags = [f"-Djdk.net.hosts.file={hosts}"]
        self._task_managers[number] = self._java(name, _TASK_MANAGER, ["--configDir", str(conf)], flags)

    def kill_task_manager(self, number: int) -> None:
        """Kill a TaskManager at once. Its pool goes on; its workers end when they notice."""
        self._task_managers.pop(number).kill()

    def wait_for_task_managers(self, count: int, seconds: float = _START_SECONDS) -> None:
        """Wait until at least ``count`` TaskManagers are there with their slots; with 0, until the JobManager can tell."""
        deadline = time.monotonic() + seconds
        while not self._has(count):
            processes = [process for process in [self._job_manager, *self._task_managers.values()] if process is not None]
            for process in processes:
                if not process.running or time.monotonic() > deadline:
                    raise Unreachable(Reason.UNREACHABLE, f"Flink did not start: {process.last_words()}")
            time.sleep(0.1)

    def _has(self, count: int) -> bool:
        with contextlib.suppress(Transient):
            return Rest(self.rest).overview().slots >= count * self.slots
        return False

    def _java(self, name: str, main: str, arguments: list[str], flags: list[str] | None = None) -> Owned:
        return start_java(
            main,
            arguments,
            jars=self._jars,
            log=self.folder / f"{name}.log",
            heap="512m",
            temporary=self.folder / "tmp" / name,
            flags=["-XX:+UseSerialGC", *(flags or [])],
        )

    def _common(self, name: str) -> dict[str, object]:
        local = ("jobmanager.rpc.address", "jobmanager.bind-host", "taskmanager.host", "taskmanager.bind-host")
        temporary = self.folder / "tmp" / name
        return {
            **dict.fromkeys(local, "localhost"),
            "jobmanager.rpc.port": self._rpc_port,
            "blob.storage.directory": temporary / "blob",
            "io.tmp.dirs": temporary / "io",
            **_SMALL,
            **_QUICK,
            **durable_settings(self.folder),
            **self._settings,
        }

    def _rest_settings(self) -> dict[str, object]:
        return {"rest.address": "localhost", "rest.bind-address": "localhost", "rest.port": self._rest_port}
