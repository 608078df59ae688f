"""The command `winnowry`, run as a person runs it, with a home folder of its own."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from winnowry.runners.servers.owned import Owned

PROGRAM = Path(sys.executable).with_name("winnowry")
KEPT = ("PATH", "PYTHONPATH")
"""What a command is given of our own environment: it runs the code that is tested here."""


class Winnowry:
    """The command with its settings and state below ``home``; what it starts ends with ``stack``."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self.home = home
        self._stack = stack
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self._environment = {"HOME": str(home), **kept}

    def trust(self, *urls: str) -> None:
        """Write URLs with their passwords into the credentials file."""
        file = self.home / ".config" / "winnowry" / "credentials.conf"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{url}\n" for url in urls))

    def run(self, *arguments: str) -> str:
        """Run the command to its end and return what it printed."""
        done = self.done(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def done(self, *arguments: str, seconds: float = 120.0) -> "subprocess.CompletedProcess[str]":
        """Run the command to its end, however that is."""
        return subprocess.run(
            [PROGRAM, *arguments], env=self._environment, capture_output=True, text=True, timeout=seconds, check=False
        )

    def start(self, *arguments: str) -> Owned:
        """Start the command and leave it running."""
        log = self.home / f"winnowry_{arguments[0]}.log"
        started = Owned([str(PROGRAM), *arguments], log=log, env=self._environment)
        self._stack.callback(started.stop)
        return started
