"""Other processes that share a memory: real ones, asked line by line, so that a test decides who does what when."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType

_CHILD = """
import sys
from datetime import timedelta
from pathlib import Path
from winnowry.io.memory import Intent, Memory
from winnowry.schemas.history import History, Said, Saying
memory = Memory(Path(sys.argv[1]), remember=timedelta(days=3), shared=True, clock=lambda: float(sys.argv[2]))
print("ready", flush=True)
for line in sys.stdin:
    print(repr(eval(line)), flush=True)
"""


class Instance:
    """A process that has the memory in ``folder`` open, where it is always ``now``."""

    def __init__(self, folder: Path, now: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(folder), str(now)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._answer() == "ready"

    def ask(self, expression: str) -> str:
        """Evaluate an expression in which ``memory`` is that process's, and return the repr of its value."""
        assert self._process.stdin is not None
        self._process.stdin.write(expression + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def kill(self) -> None:
        """Kill it with signal 9, and wait until it is gone."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> "Instance":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()
