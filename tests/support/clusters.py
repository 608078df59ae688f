"""A cluster of pumps on a real broker, run by the command `winnowry` as an operator runs it, and what a test does to it."""

import itertools
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import pika
import pika.exceptions
from brokers import Vhost, eventually
from winnowry_cli import Winnowry

from winnowry.runners.control import ask
from winnowry.runners.servers.owned import Owned
from winnowry.schemas.errors import Unreachable

logging.getLogger("pika").setLevel(logging.ERROR)  # it would tell of each time that we ask for a queue which is not there yet

START_SECONDS = 60.0
DRAIN_SECONDS = 40.0


class Cluster:
    """Everything below ``folder``: the pumps' files in ``data``, what they remember in ``state``. Leaving its context ends all.

    The pumps run as the account ``feeder``; every account's password is ``secret of`` and its name.
    """

    def __init__(self, vhost: Vhost, folder: Path, *, exchanges: tuple[str, ...] = (), accounts: tuple[str, ...] = ()) -> None:
        self.vhost = vhost
        self.data = folder / "data"
        self.file = folder / "cluster.yaml"
        self._folder = folder
        self.stack = ExitStack()
        self.subscribed: list[tuple[str, Path, tuple[str, ...]]] = []
        self._programs: list[Owned] = []
        self.command = Winnowry(folder, self.stack)
        for account in ("feeder", *accounts):
            vhost.add_user(account)
        for exchange in ("xl_feeder", *exchanges):
            vhost.add_exchange(exchange)
        self.command.trust(*(vhost.broker.url(account, vhost.name) for account in ("feeder", *accounts)))
        self.data.mkdir(exist_ok=True)

    def address(self, account: str) -> str:
        """Return an account's URL of the broker, without the password."""
        return f"amqp://{account}@{self.vhost.broker.host}:{self.vhost.broker.port}/{quote(self.vhost.name, safe='')}"

    def write(self, pumps: str, **more: str) -> None:
        """Write the cluster file; ``pumps`` is a YAML mapping a line, ``more`` are further keys."""
        lines = [
            "cluster: ddi.example.org",
            f"broker: {self.address('feeder')}",
            f"data: {self.data}",
            "state: state",
            "credentials: .config/winnowry/credentials.conf",
            *(f"{key}: {value}" for key, value in more.items()),
            "pumps:",
            *(f"  {line.strip()}" for line in pumps.strip().splitlines()),
        ]
        self.file.write_text("\n".join(lines) + "\n")

    def start(self, *pumps: str, until_idle: bool = False) -> Owned:
        """Start `winnowry run`, of all pumps unless some are named."""
        return self._started("run", str(self.file), *pumps, *(["--until-idle"] if until_idle else []))

    def listening(self, *queues: str, seconds: float = START_SECONDS) -> None:
        """Wait until each of these queues is consumed; fails when a program that was started has ended badly."""

        def happens(queue: str) -> bool:
            for program in self._programs:
                assert program.code in (None, 0, -signal.SIGKILL), program.last_words()
            return consumers(self.vhost, queue) > 0

        for queue in queues:
            eventually(partial(happens, queue), seconds, f"a consumer of {queue}")

    def exchange_is_read(self, exchange: str, listeners: int = 1) -> None:
        """Wait until so many queues that are no taps are bound to an exchange."""
        eventually(lambda: len(self.readers(exchange)) >= listeners, START_SECONDS, f"a reader of {exchange}")

    def readers(self, exchange: str) -> list[str]:
        """Return the queues of pumps and consumers that are bound to an exchange."""
        return [queue for queue in self.vhost.broker.bindings(exchange, self.vhost.name) if queue.startswith("q_")]

    def post(self, account: str, tree: Path, url: str, *names: str) -> Owned:
        """Start to announce a tree, or these files and folders of it, to the account's own exchange."""
        paths = [str(tree / name) for name in names or ("",)]
        return self._started("post", *paths, "--to", self.address(account), "--base-url", url, "--base-dir", str(tree))

    def subscribe(self, account: str, into: Path, *options: str) -> Owned:
        """Start to deliver into a folder."""
        self.subscribed.append((account, into, options))
        return self._started("subscribe", self.address(account), "--into", str(into), *options)

    def _started(self, *arguments: str) -> Owned:
        self._programs.append(self.command.start(*arguments))
        return self._programs[-1]

    def ask(self, pump: str, do: str = "status", number: int = 1, **more: Any) -> dict[str, Any]:
        """Ask a running pump."""
        return ask(self._folder / "state" / pump / str(number) / "control.sock", {"do": do, **more})

    def until(
        self, pump: str, is_so: Callable[[dict[str, Any]], bool], seconds: float = START_SECONDS, *, number: int = 1
    ) -> dict[str, Any]:
        """Return the status of a pump as soon as it answers, and ``is_so`` says that it is as expected."""
        found: dict[str, Any] = {}

        def happens() -> bool:
            try:
                found.update(self.ask(pump, number=number))
            except Unreachable:
                return False
            return is_so(found)

        eventually(happens, seconds, f"what was expected of {pump}, last seen as {found},")
        return found

    def settled(self, pump: str, queue: str, seconds: float = START_SECONDS) -> dict[str, Any]:
        """Return the status of a pump as soon as its queue is empty and it holds nothing any more."""
        return self.until(pump, lambda status: not holds(status) and not self.vhost.depth(queue), seconds)

    def kill_amid(self, supervisor: Owned, pump: str, *queues: str) -> int:
        """Kill a pump's process by signal 9 and return how many Deliveries of these queues it had not settled.

        It is stopped first, so that it settles nothing between the look at its queues and its death.
        """
        process = child(supervisor, pump)
        os.kill(process, signal.SIGSTOP)
        before = self.depth(*queues)
        os.kill(process, signal.SIGKILL)
        for queue in queues:
            eventually(lambda queue=queue: not consumers(self.vhost, queue), what=f"{queue} losing its consumer")
        return self.depth(*queues) - before

    def depth(self, *queues: str) -> int:
        """Return how many messages wait in these queues."""
        return sum(self.vhost.depth(queue) for queue in queues)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()


def holds(status: dict[str, Any]) -> int:
    """Return how much an instance has that is not over, by what it answered."""
    return sum(int(status[name]) for name in ("waiting", "parked", "later", "unsettled"))


def consumers(vhost: Vhost, queue: str) -> int:
    """Return how many consume a queue; none consume one that does not exist."""
    with vhost.connect() as connection:
        try:
            return int(connection.channel().queue_declare(queue, passive=True).method.consumer_count)
        except pika.exceptions.ChannelClosedByBroker:
            return 0


def child(supervisor: Owned, pump: str, number: int = 1) -> int:
    """Return the process number of a pump's process, waiting until there is one."""
    found: list[int] = []

    def happens() -> bool:
        found[:] = [process for process, words in _children(supervisor.pid) if _runs(words, pump, number)]
        return bool(found)

    eventually(happens, what=f"a process of {pump}")
    return found[0]


def kill_all(supervisor: Owned, *pumps: str) -> None:
    """Kill pumps and their supervisor by signal 9, as a machine that loses its power does."""
    os.kill(supervisor.pid, signal.SIGSTOP)
    for pump in pumps:
        os.kill(child(supervisor, pump), signal.SIGKILL)
    supervisor.kill()


def _runs(words: list[str], pump: str, number: int) -> bool:
    return "winnowry.runners.child" in words and (pump, str(number)) in itertools.pairwise(words)


def _children(parent: int) -> Iterator[tuple[int, list[str]]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                yield int(folder.name), (folder / "cmdline").read_text().split("\0")[:-1]
        except OSError:
            continue
