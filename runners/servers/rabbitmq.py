"""RabbitMQ as a private process: on loopback, in a folder of its own, beside any broker that the machine may have."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from winnowry.runners.servers.management import Broker
from winnowry.runners.servers.owned import Owned, require
from winnowry.runners.servers.ports import answers, free_port
from winnowry.runners.servers.server import Server
from winnowry.schemas.errors import ConfigError, Unreachable

_PROGRAMS = Path("/usr/lib/rabbitmq/bin")
"""Those in ``/usr/sbin`` change to the user ``rabbitmq``, and to the node that the package set up."""

PROGRAMS = {str(_PROGRAMS / "rabbitmq-server"): "rabbitmq-server", "epmd": "rabbitmq-server"}
"""What has to be installed, with the Debian package that has it."""

_START_SECONDS = 90.0

_CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
disk_free_limit.absolute = 50MB
log.file.level = warning
"""


class RabbitMQ(Server, Broker):
    """A RabbitMQ node of our own, started by ``start`` or by entering its context.

    ``stop`` and ``kill`` keep the node's data, and ``start`` goes on with it; leaving the context removes everything. The
    node and its epmd also end when the process that started them does. Raises ConfigError when RabbitMQ is not installed.
    """

    def __init__(self) -> None:
        require(PROGRAMS)
        port, management = free_port(), free_port()
        self.management_port = management
        super().__init__(f"amqp://guest:guest@127.0.0.1:{port}/", f"http://guest:guest@127.0.0.1:{management}/")
        self.folder = Path(tempfile.mkdtemp(prefix="winnowry-rabbitmq-"))
        (self.folder / "rabbitmq.conf").write_text(_CONFIGURATION.format(port=port, management=management))
        (self.folder / "plugins").write_text("[rabbitmq_management].\n")
        self._epmd_port = free_port()
        self._environment = self._private_environment(free_port())
        self._epmd: Owned | None = None
        self._node: Owned | None = None

    def start(self) -> None:
        """Start the node and wait until it takes connections. Raises Unreachable with its last words if it does not."""
        if self._epmd is None:
            self._epmd = self._own(["epmd"])
            self._epmd.wait_for_port(self._epmd_port, seconds=20)
        self._pid_file.unlink(missing_ok=True)
        self._node = self._own([str(_PROGRAMS / "rabbitmq-server")])
        self._node.wait_for_port(self.port, _START_SECONDS)
        self._wait_for_management(time.monotonic() + _START_SECONDS)

    def stop(self) -> None:
        """Stop the node in good order; epmd too."""
        for process in (self._node, self._epmd):
            if process is not None:
                process.stop()
        self._node = self._epmd = None

    def kill(self) -> None:
        """Kill the node as kill -9 does; its wrapper and its port are gone when this returns."""
        if self._node is not None:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                os.kill(int(self._pid_file.read_text()), signal.SIGKILL)
            self._node.kill()
        self._node = None
        while answers(self.port):
            time.sleep(0.01)

    def ctl(self, *arguments: str) -> str:
        """Run ``rabbitmqctl`` with these arguments and return what it prints (0.7 s a call). Raises ConfigError."""
        command = [str(_PROGRAMS / "rabbitmqctl"), "--quiet", *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            raise ConfigError(f"rabbitmqctl {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    @property
    def running(self) -> bool:
        """Whether the node is up."""
        return self._node is not None and self._node.running

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    def _own(self, command: list[str]) -> Owned:
        return Owned(command, log=self.folder / "output.log", env=self._environment, scratch=self.folder)

    def _private_environment(self, distribution_port: int) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
        folder = str(self.folder)
        return ours | {
            "HOME": folder,
            "RABBITMQ_NODENAME": f"win{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_PID_FILE": str(self._pid_file),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_CRASH_DUMP": f"{folder}/erl_crash.dump",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _wait_for_management(self, deadline: float) -> None:
        while True:
            try:
                self.queues()
            except Unreachable:
                if time.monotonic() > deadline or not self.running:
                    raise
            else:
                return
            time.sleep(0.05)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def broker() -> Iterator[Broker]:
    """Yield the broker named by ``WINNOWRY_BROKER_URL`` and ``WINNOWRY_MANAGEMENT_URL``, or else a private one.

    Both URLs carry an administrator's name and password. Raises ConfigError when only one of them is set.
    """
    amqp, management = os.environ.get("WINNOWRY_BROKER_URL"), os.environ.get("WINNOWRY_MANAGEMENT_URL")
    if amqp and management:
        yield Broker(amqp, management.rstrip("/") + "/")
    elif amqp or management:
        raise ConfigError("WINNOWRY_BROKER_URL and WINNOWRY_MANAGEMENT_URL go together: set both, or neither")
    else:
        with RabbitMQ() as private:
            yield private
