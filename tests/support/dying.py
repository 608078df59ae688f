"""Real processes of pumps that get a signal at a named point of an Arrival's life, and say that they were there.

No product code knows of these points: they are put around its methods in the process that is to die. The processes are forked
from one that has imported the libraries, which saves a second each, and imports nothing of the product.
"""

import itertools
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial, wraps
from importlib import import_module
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import lmdb

LIBRARIES = ("apache_beam.runners.portability.fn_api_runner", "fastavro", "lmdb", "pika", "pycurl", "pydantic", "ruamel.yaml")
SECONDS = 90.0
"""How long a process may take to do what it is asked."""


def _always(_given: Sequence[Any], _result: Any) -> bool:
    return True


def _part_is_written(given: Sequence[Any], _result: Any) -> bool:
    incoming = given[0]
    return bool(incoming._temporary) and incoming.received < incoming.request.size


def _sendings(reports: bool) -> Callable[[Sequence[Any], Any], bool]:
    """Say whether a batch, sent or answered, holds a Report, or else the announcement of what ended well."""

    def holds(given: Sequence[Any], _result: Any) -> bool:
        entries = [token[0] for token, _ in given[1]]
        return any(entry.reported == reports and (reports or entry.outcome.ending == "announced") for entry in entries)

    return holds


@dataclass(frozen=True)
class Point:
    """Just after a method has returned, or just ``before`` it is called, where ``counts`` of its arguments and its result."""

    module: str
    owner: str
    method: str
    counts: Callable[[Sequence[Any], Any], bool] = _always
    before: bool = False

    def watch(self, pass_by: Callable[[], None]) -> None:
        """Let this process call ``pass_by`` whenever it passes here."""
        owner = getattr(import_module(f"winnowry.{self.module}"), self.owner)
        method = getattr(owner, self.method)

        @wraps(method)
        def instead(*given: Any, **named: Any) -> Any:
            if self.before and self.counts(given, None):
                pass_by()
            result = method(*given, **named)
            if not self.before and self.counts(given, result):
                pass_by()
            return result

        setattr(owner, self.method, instead)


POINTS = {
    "reserved": Point("io.memory.memory", "Memory", "reserve", lambda _, result: result.value == "reserved"),
    "fetching": Point("io.incoming", "Incoming", "take", _part_is_written),
    "written": Point("io.incoming", "Incoming", "finish"),
    "intent": Point("io.memory.memory", "Memory", "intend"),
    "renamed": Point("io.tree", "Tree", "rename"),
    "published": Point("io.amqp.broker", "AmqpBroker", "publish", _sendings(reports=False)),
    "announced": Point("runners.direct.ledger", "Ledger", "_answered", _sendings(reports=False), before=True),
    "committed": Point("io.memory.memory", "Memory", "commit"),
    "reported": Point("runners.direct.ledger", "Ledger", "_answered", _sendings(reports=True), before=True),
    "settled": Point("io.amqp.consume", "Consumer", "settle", lambda given, _: bool(given[1])),
}
"""Where a pump dies, in the order in which one passes. A confirm has come when ``announced`` or ``reported`` is passed."""


STORES = {"reserving": "reservations", "intending": "intents", "committing": "days"}
"""Points inside a write transaction of the memory, by the folder of the store: nobody else can write there meanwhile."""

MAY_LEAVE_INTENTS = frozenset({"intending", "fetching", "written", "announced", "reported", "settled"})
"""Points that are passed on another thread, while the rounds' own may be between a commit and the end of its intents."""


@dataclass(frozen=True)
class Death:
    """A signal at the ``passing``-th passing of a point."""

    point: str
    signum: int
    passing: int = 1

    def prepare(self, witness: Path) -> None:
        """Make this very process die so; it writes into ``witness`` first."""
        guard, passed = threading.Lock(), itertools.count(1)

        def pass_by() -> None:
            with guard:
                number = next(passed)
                if number == self.passing:
                    witness.write_text(f"{self.point} {number}")
                    os.kill(os.getpid(), self.signum)

        if self.point in STORES:
            lmdb.open = _opening(STORES[self.point], pass_by)
        else:
            POINTS[self.point].watch(pass_by)


class _Store:
    """A store that tells of each write transaction, when it has begun."""

    def __init__(self, store: lmdb.Environment, pass_by: Callable[[], None]) -> None:
        self._store = store
        self._pass_by = pass_by

    def begin(self, *given: Any, write: bool = False, **named: Any) -> lmdb.Transaction:
        transaction = self._store.begin(*given, write=write, **named)
        if write:
            self._pass_by()
        return transaction

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _opening(name: str, pass_by: Callable[[], None], opens: Callable[..., Any] = lmdb.open) -> Callable[..., Any]:
    def opening(folder: str, **settings: Any) -> Any:
        store = opens(folder, **settings)
        return _Store(store, pass_by) if name in Path(folder).parts[-2:] else store

    return opening


class PumpProcess:
    """One life of one instance of a pump, in a process of its own: what a supervisor would start."""

    def __init__(
        self, words: Sequence[str], number: int, log: Path, death: Death | None = None, *, twice: bool = False
    ) -> None:
        """``words`` are what a supervisor would say to it before the number; ``twice`` lets it run every round two times."""
        self.number = number
        self._log = log
        self._witness = log.with_suffix(".passed")
        self._witness.unlink(missing_ok=True)
        arguments = ([*words, str(number)], str(log), str(self._witness), death, twice)
        self._process: ForkServerProcess = _server().Process(target=_live, args=arguments)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    @property
    def passed(self) -> str:
        """Which point it passed the number of times that was asked for; nothing if it did not."""
        return self._witness.read_text() if self._witness.exists() else ""

    def send(self, signum: int) -> None:
        os.kill(self.pid, signum)

    def join(self, seconds: float = SECONDS) -> int:
        """Wait for the end and return the exit code."""
        self._process.join(seconds)
        assert self.code is not None, f"still running after {seconds} s: {self.last_words()}"
        return self.code

    @property
    def stopped(self) -> bool:
        """Whether it stands still."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def kill(self) -> None:
        """End it in any case."""
        if self._process.is_alive():
            self._process.kill()
        self._process.join()

    def last_words(self) -> str:
        return self._log.read_text(errors="replace")[-3000:] if self._log.exists() else ""


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*LIBRARIES])
    return context


def _live(arguments: Sequence[str], log: str, witness: str, death: Death | None, twice: bool) -> None:
    """Be the process."""
    with Path(log).open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    from winnowry.runners import child, instance  # noqa: PLC0415 so that nothing of the product is shared with another process

    if death is not None:
        death.prepare(Path(witness))
    if twice:
        instance.assemble = partial(instance.assemble, twice=True)
    sys.exit(child.main(arguments))


def main(point: str, passing: str, witness: str, *words: str) -> int:
    """Be such a process as a command: in its first life it stands still at a point, and in the next it does not."""
    from winnowry.runners import child  # noqa: PLC0415

    if not Path(witness).exists():
        Death(point, signal.SIGSTOP, int(passing)).prepare(Path(witness))
    return child.main(words)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
