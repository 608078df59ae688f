"""`winnowry run`: one child process per pump instance, restarted with back-off, stopped by draining.

A process that hangs is killed and started again: if it was stopped while it wrote to the memory, its siblings wait for it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from winnowry.runners.bell import asked_to_end
from winnowry.runners.child import CANNOT_GO_ON
from winnowry.runners.control import socket_of
from winnowry.runners.pulse import Pulse

log = structlog.get_logger(__name__)

FIRST_BACK_OFF = 0.5
LONGEST_BACK_OFF = 8.0
GOOD_RUN = 10.0
"""Seconds after which a child counts as having run well, and its back-off begins anew."""

SILENCE = 60.0
"""Seconds for which a child may leave a question on its control socket unanswered, the time included that it takes to start."""

DRAIN_PATIENCE = 60.0
"""Seconds that draining may take: longer than an engine gives itself."""


def starved() -> int:
    """Return how many processes this machine has killed for want of memory; 0 where the system does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


class Child:
    """One instance of a pump, as a process of its own.

    A process that died of itself is followed by one that is told so (``--crashed``): it is careful with what was underway. One
    that somebody killed, or that said what kept it from going on, has not died of itself. One that leaves its ``pulse``
    unanswered for ``silence`` seconds hangs: it is killed, and counts as dead of itself.
    """

    def __init__(self, command: Sequence[str], name: str, pulse: Pulse | None = None, *, silence: float = SILENCE) -> None:
        self._command = command
        self._pulse = pulse
        self._silence = silence
        self.name = name
        self._back_off = FIRST_BACK_OFF
        self._due = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._starved = starved()
        self._crashed = self._hung = False
        self.ended: int | None = None

    def tend(self, now: float) -> None:
        """Start the process, or see how it is; one that died is due again after its back-off."""
        if self.ended is not None:
            return
        if self._process is None:
            if now >= self._due:
                self._began = now
                extra = ["--crashed"] if self._crashed else []
                self._process = subprocess.Popen([*self._command, *extra], start_new_session=True)
                if self._pulse is not None:
                    self._pulse.begin(now)
            return
        code = self._process.poll()
        if code is None:
            self._feel_pulse(self._process, now)
            return
        self._process = None
        if code in (0, 2):
            self.ended = code
            return
        before, self._starved = self._starved, starved()
        killed = code == -signal.SIGKILL and not self._hung and self._starved == before
        self._crashed, self._hung = code != CANNOT_GO_ON and not killed, False
        self._back_off = FIRST_BACK_OFF if now - self._began > GOOD_RUN else self._back_off
        log.error("a pump died; it is started again", pump=self.name, code=code, seconds=self._back_off)
        self._due = now + self._back_off
        self._back_off = min(2 * self._back_off, LONGEST_BACK_OFF)

    def _feel_pulse(self, process: "subprocess.Popen[bytes]", now: float) -> None:
        if self._pulse is None or (silent := self._pulse.silence(now)) <= self._silence:
            return
        log.error("a pump hangs and is killed: it does not answer", pump=self.name, seconds=round(silent))
        process.kill()
        self._hung = True
        self._pulse.begin(now)

    def stop(self) -> None:
        """Ask the process to drain; one that is not running is not started again."""
        if self._process is None:
            self.ended = self.ended or 0
        else:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End a process that would not drain. Nothing is lost by it: what it had begun is delivered again."""
        if self._process is not None:
            log.error("a pump would not drain, and was killed", pump=self.name)
            self._process.kill()

    def drained(self) -> bool:
        """Whether the process has ended after ``stop``."""
        if self._process is not None and self._process.poll() is not None:
            code = self._process.returncode
            self.ended = 0 if code == -signal.SIGTERM else code  # it was only starting, and had nothing to drain
            self._process = None
        return self._process is None


def supervise(
    file: Path, instances: Sequence[tuple[str, int]], *, state: Path, until_idle: bool, options: Sequence[str] = ()
) -> int:
    """Run these (pump, instance number) pairs of a cluster file until SIGTERM or Ctrl-C, or until each has ended by itself.

    ``state`` is the cluster's folder of state. Returns 0 when all drained, 2 when a setting is wrong, 1 otherwise.
    """
    extra = [f"--parent={os.getpid()}", *options, *(["--until-idle"] if until_idle else [])]
    python = [sys.executable, "-m", "winnowry.runners.child", str(file)]
    return tend_all(
        [
            Child([*python, pump, str(number), *extra], f"{pump}/{number}", Pulse(socket_of(state / pump, number)))
            for pump, number in instances
        ]
    )


def tend_all(children: Sequence[Child], *, patience: float = DRAIN_PATIENCE) -> int:
    """Keep children running until SIGTERM or Ctrl-C, or until each has ended by itself; then drain those that still run.

    After ``patience`` seconds of draining a child is killed. Returns what ``supervise`` does.
    """
    stopping = asked_to_end()
    while not stopping.rung and any(child.ended is None for child in children):
        for child in children:
            child.tend(time.monotonic())
        stopping.wait(0.1)
    _drain(children, time.monotonic() + patience)
    codes = {child.ended for child in children}
    return 0 if codes <= {0, None} else 2 if 2 in codes else 1


def _drain(children: Sequence[Child], deadline: float) -> None:
    for child in children:
        child.stop()
    while left := [child for child in children if not child.drained()]:
        if time.monotonic() > deadline:
            for child in left:
                child.kill()
            deadline = float("inf")
        time.sleep(0.05)
