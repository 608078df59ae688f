"""Processes that end with the process that started them, however that one ends."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from winnowry.runners.servers.ports import answers
from winnowry.schemas.errors import ConfigError, Unreachable
from winnowry.schemas.reasons import Reason

_GUARD = 'trap "" HUP INT TERM; read -r _; kill -s KILL -- "-$1"; [ -z "$2" ] || { sleep 1; rm -rf -- "$2"; }'
"""Waits for the end of its input, which comes when the owner is gone, even by kill -9."""

_TAIL = 2000


class Owned:
    """A program in a process group of its own, with a guard that kills the group (and removes ``scratch``) after its owner.

    One that has ended keeps its number until ``kill`` or ``stop``: what is killed is never a group of somebody else.
    What the program prints goes to the file ``log``. Raises ConfigError when the program cannot be started.
    """

    def __init__(
        self, command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, scratch: Path | None = None
    ) -> None:
        self.name = Path(command[0]).name
        self._log = log
        self._process = _spawn(command, log, env)
        guard = ["sh", "-c", _GUARD, "guard", str(self._process.pid), str(scratch or "")]
        self._guard = subprocess.Popen(
            guard, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    @property
    def pid(self) -> int:
        """The program's process number, which is also its group's."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the program has not ended."""
        return self.code is None

    @property
    def code(self) -> int | None:
        """What the program ended with, negative for the signal that ended it; None while it runs."""
        if self._process.returncode is not None:
            return self._process.returncode
        told = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if told is None:
            return None
        return told.si_status if told.si_code == os.CLD_EXITED else -told.si_status

    def wait_for_port(self, port: int, seconds: float, host: str = "127.0.0.1") -> None:
        """Wait until something at ``host`` answers at ``port``. Raises Unreachable with the program's last words if not."""
        deadline = time.monotonic() + seconds
        while not answers(port, host):
            if not self.running or time.monotonic() > deadline:
                raise Unreachable(Reason.UNREACHABLE, f"{self.name} did not start: {self.last_words()}")
            time.sleep(0.02)

    def finish(self, seconds: float) -> None:
        """Wait until the program has done its work. Raises Unreachable when it takes longer, or ends badly."""
        self._wait(seconds)
        if self.code != 0:
            raise Unreachable(Reason.UNREACHABLE, f"{self.name} ended with {self.code}: {self.last_words()}")

    def last_words(self) -> str:
        """Return the end of what the program printed."""
        return self._log.read_text(errors="replace")[-_TAIL:].strip() or "it printed nothing"

    def kill(self) -> None:
        """Kill the whole group at once, as a crash would. It may be called again."""
        if self._guard.poll() is not None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._dismiss()

    def terminate(self) -> None:
        """Ask the program to end, and do not wait for it."""
        if self.running:
            self._process.terminate()

    def stop(self, seconds: float = 20.0) -> None:
        """Ask the program to end, wait ``seconds`` for it, and kill what is left of its group."""
        self.terminate()
        self._wait(seconds)
        self.kill()

    def _wait(self, seconds: float) -> None:
        """Wait until the program has ended. It is not reaped: its number stays its group's, and nobody else can have it."""
        if self.running:
            descriptor = os.pidfd_open(self.pid)
            try:
                ended = select.poll()
                ended.register(descriptor, select.POLLIN)
                ended.poll(seconds * 1000)
            finally:
                os.close(descriptor)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _dismiss(self) -> None:
        self._guard.kill()
        self._guard.communicate()


def missing(programs: Mapping[str, str]) -> list[str]:
    """Return the Debian packages of those programs that are not installed; ``programs`` maps names or paths to packages.

    >>> missing({"sh": "dash"})
    []
    """
    return sorted({package for program, package in programs.items() if shutil.which(program) is None})


def require(programs: Mapping[str, str]) -> None:
    """Check that each program is installed; ``programs`` maps its name or path to its Debian package.

    >>> require({"sh": "dash"})

    Raises ConfigError saying what to install.
    """
    if packages := missing(programs):
        names = " ".join(packages)
        raise ConfigError(f"{names}: not installed here; install with: apt-get install {names}")


def _spawn(command: Sequence[str], log: Path, env: Mapping[str, str] | None) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        try:
            return subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        except OSError as error:
            raise ConfigError(f"cannot start {command[0]}: {error}") from error
