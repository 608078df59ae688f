"""The network of the demonstration: a broker, two sources, the pumps of a cluster file and two consumers, all as processes."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from winnowry.runners.control import socket_of
from winnowry.runners.demo.flink import OnFlink
from winnowry.runners.demo.taps import Taps
from winnowry.runners.servers.nginx import FileServer
from winnowry.runners.servers.owned import Owned
from winnowry.runners.servers.rabbitmq import RabbitMQ
from winnowry.schemas.errors import Unreachable
from winnowry.schemas.reasons import Reason

SOURCES = ("alice", "bob")
CONSUMERS = ("carol", "dave")
PUMPS = ("ingest", "fuse")
EXCHANGES = ("xs_alice", "xs_bob", "xwinnow", "xpublic")

_LISTENERS = {"xs_alice": 1, "xs_bob": 1, "xwinnow": 1, "xpublic": len(CONSUMERS)}
"""How many queues of the network are bound to each exchange when everybody is there."""

_CLUSTER_FILE = """\
# Two sources announce the same files. `ingest` fetches and checks them, `fuse` lets each through once.
cluster: demo.example.org
broker: amqp://feeder@127.0.0.1:{amqp}/
management: http://guest@127.0.0.1:{management}/
credentials: credentials.conf
data: pump
state: state
users:
  alice: {{role: source}}
  bob:   {{role: source}}
  carol: {{role: consumer}}
  dave:  {{role: consumer}}
pumps:
  ingest:
    kind: sarra
    from: {{sources: [alice, bob]}}
    to: xwinnow
    base_url: "{base_url}"
    layout: "{{date:%Y%m%d}}/{{source}}/{{rel_path}}"
  fuse: {{kind: winnow, from: xwinnow, to: xpublic}}
engine: {engine}
"""

_START_SECONDS = 90.0
_START_SECONDS_ON_FLINK = 400.0
_DRAIN_SECONDS = 40.0
_DRAIN_SECONDS_ON_FLINK = 120.0


class Network:
    """Everything below ``folder``: the trees of the sources in ``alice`` and ``bob``, the pump's in ``pump``, the consumers' in
    ``carol`` and ``dave``. Entering the context starts the servers, ``start`` the pumps and consumers; leaving it ends all.

    Every program of ours is started by its command, as a person would. With ``remove`` the folder goes even when this process
    is killed. Pumps run on ``flink`` where that is given. Raises ConfigError where RabbitMQ or nginx is not installed.
    """

    def __init__(self, folder: Path, *, remove: bool = True, flink: OnFlink | None = None) -> None:
        self.folder = folder
        self._flink = flink
        self._scratch = folder if remove else None
        self.programs: dict[str, Owned] = {}
        self.servers = {name: FileServer(self.tree(name)) for name in (*SOURCES, "pump")}
        self._broker = RabbitMQ()
        self._stack = ExitStack()

    def tree(self, name: str) -> Path:
        """Return the folder of a source, of a consumer, or of the ``pump``."""
        return self.folder / name

    def start(self) -> Taps:
        """Declare the cluster, start its pumps and the consumers, and wait until all listen. Returns taps on every exchange."""
        self._run("declare", str(self._cluster_file)).finish(_START_SECONDS)
        taps = self._stack.enter_context(Taps(self._broker.url(), EXCHANGES))
        self._run("run", str(self._cluster_file))
        for consumer in CONSUMERS:
            self._run("subscribe", self._address(consumer), "--into", str(self.tree(consumer)), "--strip", "2", name=consumer)
        patience = _START_SECONDS if self._flink is None else _START_SECONDS_ON_FLINK
        self._wait_for_listeners(time.monotonic() + patience)
        return taps

    def post(self, source: str, part: str = "") -> None:
        """Announce the tree of a source, or a part of it; returns at once."""
        tree, url, to = self.tree(source), self.servers[source].url, self._address(source)
        self._run("post", str(tree / part), "--to", to, "--base-url", url, "--base-dir", str(tree), name=f"post_{source}{part}")

    def check(self) -> None:
        """Raise Unreachable, with its last words, when a program of ours has ended badly."""
        for name, program in self.programs.items():
            if program.code:
                raise Unreachable(Reason.UNREACHABLE, f"{name} ended with {program.code}: {program.last_words()}")

    def drain(self) -> None:
        """Ask pumps and consumers to end, and check that they did so well."""
        self._end()
        self.check()

    def _end(self) -> None:
        for program in self.programs.values():
            program.terminate()
        for program in self.programs.values():
            program.stop(_DRAIN_SECONDS if self._flink is None else _DRAIN_SECONDS_ON_FLINK)

    @property
    def _cluster_file(self) -> Path:
        return self.folder / "cluster.yaml"

    def _address(self, account: str) -> str:
        return f"amqp://{account}@127.0.0.1:{self._broker.port}/"

    def _run(self, verb: str, *arguments: str, name: str = "") -> Owned:
        environment = os.environ | {"HOME": str(self.folder), "TMPDIR": str(self.folder / "tmp"), "NO_COLOR": "1"}
        environment |= {f"XDG_{kind}_HOME": str(self.folder / kind.lower()) for kind in ("CONFIG", "STATE", "CACHE")}
        command = [str(Path(sys.executable).with_name("winnowry")), verb, *arguments]
        started = Owned(command, log=self.folder / f"{name or verb}.log", env=environment, scratch=self._scratch)
        self.programs[name or verb] = started
        return started

    def _wait_for_listeners(self, deadline: float) -> None:
        while missing := [*self._unheard(), *self._silent()]:
            self.check()
            if time.monotonic() > deadline:
                raise Unreachable(Reason.TIMED_OUT, f"still missing: {', '.join(missing)}")
            time.sleep(0.1)

    def _unheard(self) -> list[str]:
        return [exchange for exchange, count in _LISTENERS.items() if len(self._listeners(exchange)) < count]

    def _silent(self) -> list[str]:
        """Return the pumps that cannot be asked yet: on Flink they begin long after their queues are bound."""
        return [pump for pump in PUMPS if not socket_of(self.folder / "state" / pump, 1).exists()]

    def _listeners(self, exchange: str) -> Sequence[str]:
        return [queue for queue in self._broker.bindings(exchange) if queue.startswith("q_")]

    def __enter__(self) -> Self:
        with self._stack:
            self._stack.enter_context(self._broker)
            for name in (*SOURCES, *CONSUMERS, "pump", "tmp"):
                self.tree(name).mkdir(exist_ok=True)
            for server in self.servers.values():
                self._stack.enter_context(server)
            engine = "{name: direct}"
            if self._flink is not None:
                engine = self._flink.start(self.folder / "flink", self._stack)
            self._stack.callback(self._end)
            self._write_settings(engine)
            self._stack = self._stack.pop_all()
        return self

    def _write_settings(self, engine: str) -> None:
        amqp, management = self._broker.port, self._broker.management_port
        base_url = self.servers["pump"].url
        settings = {"amqp": amqp, "management": management, "base_url": base_url, "engine": engine}
        self._cluster_file.write_text(_CLUSTER_FILE.format(**settings))
        accounts = ("feeder", *SOURCES, *CONSUMERS)
        lines = [f"amqp://{account}:secret-of-{account}@127.0.0.1:{amqp}/" for account in accounts]
        lines.append(f"http://guest:guest@127.0.0.1:{management}/")
        credentials = self.folder / "credentials.conf"
        default = self.folder / "config" / "winnowry" / "credentials.conf"
        default.parent.mkdir(parents=True)
        credentials.write_text("\n".join(lines) + "\n")
        default.symlink_to(credentials)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()
