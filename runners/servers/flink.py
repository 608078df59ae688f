"""Beam's job server for Flink as a private process: on loopback, with all that it keeps in a folder of its own."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from winnowry.runners.servers.java import start_java, write_config
from winnowry.runners.servers.owned import Owned
from winnowry.runners.servers.ports import free_port
from winnowry.runners.servers.server import Server

EMBEDDED = "[local]"
"""The master of a job server that runs Flink in its own process."""

_DRIVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"
_START_SECONDS = 120.0
_OF_CLUSTERS = ("frocksdbjni-", "flink-runtime-web-")
"""Jars that only a cluster uses: all others are sent to it with each pump that is handed over."""


def durable_settings(folder: Path) -> dict[str, object]:
    """Return the settings of Flink by which a job's state outlives what runs it, below ``folder``."""
    return {
        "state.checkpoints.dir": (folder / "checkpoints").resolve().as_uri(),
        "state.savepoints.dir": (folder / "savepoints").resolve().as_uri(),
        "state.checkpoints.num-retained": 2,
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    }


class JobServer(Server):
    """Takes pipelines at ``address`` and hands them to Flink; started by ``start`` or by entering its context.

    ``jars`` is a folder of jars (`make flink`) or one jar of Beam's; ``master`` is a cluster's REST address as host:port, or
    ``[local]``: then Flink runs inside, answers at ``rest`` while a job runs, and keeps checkpoints and savepoints in
    ``folder``. ``settings`` are added to those of an embedded Flink. After ``stop`` or ``kill`` it can be started again at
    the same address. Beam's ports (jobs, artifacts) are open on all interfaces: it has no setting for that.

    Raises ConfigError where Java or the jars are missing, Unreachable with its last words where it does not come up.
    """

    def __init__(
        self,
        folder: Path,
        jars: Path,
        master: str = EMBEDDED,
        *,
        settings: Mapping[str, object] | None = None,
        heap: str = "1g",
    ) -> None:
        self.folder, self.master = folder.resolve(), master
        self.port = free_port()
        self.log = self.folder / "job-server.log"
        self._jars, self._heap, self._settings = jars, heap, dict(settings or {})
        self._artifact_port, self._rest_port = free_port(), free_port()
        self._process: Owned | None = None

    @property
    def address(self) -> str:
        """host:port, as Beam's `job_endpoint` wants it."""
        return f"localhost:{self.port}"

    @property
    def rest(self) -> str:
        """URL of the REST interface of the Flink that runs the jobs."""
        return f"http://localhost:{self._rest_port}" if self.master == EMBEDDED else f"http://{self.master}"

    @property
    def running(self) -> bool:
        """Whether it is up."""
        return self._process is not None and self._process.running

    def start(self) -> None:
        """Start it, and wait until it takes pipelines."""
        temporary = self.folder / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        conf = write_config(self.folder / "conf", self._flink_settings(temporary))
        arguments = [
            f"--flink-master={self.master}",
            f"--flink-conf-dir={conf}",
            "--job-host=localhost",
            f"--job-port={self.port}",
            f"--artifact-port={self._artifact_port}",
            "--expansion-port=0",
            f"--artifacts-dir={temporary / 'artifacts'}",
        ]
        without = () if self.master == EMBEDDED else _OF_CLUSTERS
        self._process = start_java(
            _DRIVER, arguments, jars=self._jars, log=self.log, heap=self._heap, temporary=temporary, without=without
        )
        self._process.wait_for_port(self.port, _START_SECONDS)

    def stop(self) -> None:
        """End it; an embedded Flink with its jobs too, whose checkpoints stay."""
        if self._process is not None:
            self._process.stop()
        self._clean()

    def kill(self) -> None:
        """Kill it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
        self._clean()

    def _clean(self) -> None:
        self._process = None
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)

    def _flink_settings(self, temporary: Path) -> dict[str, object]:
        return {
            "jobmanager.bind-host": "localhost",
            "taskmanager.bind-host": "localhost",
            "rest.address": "localhost",
            "rest.bind-address": "localhost",
            "rest.port": self._rest_port,
            "rest.bind-port": self._rest_port,
            "blob.storage.directory": temporary / "blob",
            "io.tmp.dirs": temporary / "io",
            **(durable_settings(self.folder) if self.master == EMBEDDED else {}),  # a cluster's own count there
            **self._settings,
        }
