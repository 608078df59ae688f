"""The real metpx-sr3, run from an environment and a home folder of its own."""

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from winnowry.runners.servers.owned import Owned

PROGRAMS = Path(__file__).parents[2] / ".venv-sr3" / "bin"


class Sr3:
    """sr3 with its settings below ``home``; what it runs ends with ``stack``."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        assert (PROGRAMS / "sr3").exists(), "metpx-sr3 is not installed: run `make interop`"
        self.home = home
        self._stack = stack
        self._settings = home / ".config" / "sr3"
        self._settings.mkdir(parents=True, exist_ok=True)
        self._environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

    def configure(self, component: str, name: str, **options: object) -> None:
        """Write ``component/name.conf``, an option a line in the order given. Passwords of URLs go where sr3 looks for them."""
        file = self._settings / component / f"{name}.conf"
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(f"{option} {self._without_password(str(value))}\n" for option, value in options.items()))

    def run(self, *command: str) -> None:
        """Run one of sr3's programs to its end."""
        program, *arguments = command
        done = subprocess.run(
            [PROGRAMS / program, *arguments], env=self._environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, component: str, name: str) -> Owned:
        """Start a component in the foreground, its queue and bindings declared beforehand."""
        self.run("sr3", "declare", f"{component}/{name}")
        return self.begin(f"{component}_{name}", "sr3", "foreground", f"{component}/{name}")

    def start_instances(self, component: str, name: str, processes: int) -> list[Owned]:
        """Start so many processes of a component as `sr3 start` does, but in the foreground."""
        self.run("sr3", "declare", f"{component}/{name}")
        command = ("python", "-m", "sarracenia.instance", "foreground", f"{component}/{name}", "--no")
        return [self.begin(f"{component}_{name}_{number}", *command, str(number)) for number in range(1, processes + 1)]

    def begin(self, log: str, *command: str) -> Owned:
        """Start one of sr3's programs, and do not wait for it; what it prints goes to the file of this name."""
        program, *arguments = command
        started = Owned([str(PROGRAMS / program), *arguments], log=self.home / f"{log}.log", env=self._environment)
        self._stack.callback(started.kill)
        return started

    def _without_password(self, value: str) -> str:
        parts = urlsplit(value)
        if parts.password is None:
            return value
        with (self._settings / "credentials.conf").open("a") as file:
            file.write(value + "\n")
        return value.replace(f":{parts.password}@", "@", 1)
