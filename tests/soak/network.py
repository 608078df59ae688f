"""The cluster of the soak, run by the command line: a broker, two pumps, two consumers; whoever dies is started again."""

import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from brokers import Vhost
from chaos import Blow
from clusters import Cluster, child, kill_all
from crop import SOURCES

from winnowry.io.later_store import stores_of
from winnowry.runners.servers.nginx import FileServer
from winnowry.runners.servers.owned import Owned
from winnowry.runners.servers.rabbitmq import RabbitMQ

CONSUMERS = ("carol", "dave")
EXCHANGES = ("xs_alice", "xs_bob", "xwinnow", "xpublic")
PUMPS = """
ingest: {{kind: sarra, from: {{sources: [alice, bob]}}, to: xwinnow, base_url: "{url}", layout: "{{source}}/{{rel_path}}",
         instances: 2, attempts: 6, delays: [1s, 2s, 5s]}}
fuse: {{kind: winnow, from: xwinnow, to: xpublic}}
"""
START_SECONDS = 120.0
AGAIN_SECONDS = 1.0


class Network:
    """Everything below ``folder``. Entering the context starts the servers, ``start`` the pumps and consumers."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.broker = stack.enter_context(RabbitMQ())
        self.vhost = Vhost(self.broker, name="soak")
        self.broker.add_vhost(self.vhost.name)
        accounts = (*SOURCES, *CONSUMERS)
        self.cluster = stack.enter_context(Cluster(self.vhost, folder, exchanges=EXCHANGES, accounts=accounts))
        self.counts: Counter[str] = Counter()
        self._served = stack.enter_context(FileServer(self.cluster.data))
        self._running: dict[str, Owned] = {}
        self._again: dict[str, float] = {}
        self._restart: threading.Thread | None = None

    def start(self) -> None:
        """Start the pumps and the consumers, and wait until all listen."""
        users = "{alice: {role: source}, bob: {role: source}}"
        self.cluster.write(PUMPS.format(url=self._served.url), users=users)
        for name in ("supervisor", *CONSUMERS):
            self._begin(name)
        self.cluster.listening("q_feeder.ingest.alice", "q_feeder.ingest.bob", "q_feeder.fuse", seconds=START_SECONDS)
        self.cluster.exchange_is_read("xpublic", len(CONSUMERS))

    def into(self, consumer: str) -> Path:
        """Return the folder that a consumer delivers into."""
        return self.folder / consumer

    def _begin(self, name: str) -> None:
        if name == "supervisor":
            self._running[name] = self.cluster.start()
        else:
            self._running[name] = self.cluster.subscribe(name, self.into(name), "--strip", "1")

    def keep(self) -> None:
        """Start again whoever has ended, a second after it was seen to have."""
        now = time.monotonic()
        for name, program in self._running.items():
            if program.running:
                continue
            if name not in self._again:
                self.counts[f"{name} ended with {program.code}"] += 1
                self._again[name] = now + AGAIN_SECONDS
            elif now >= self._again[name]:
                del self._again[name]
                self._begin(name)

    def strike(self, blow: Blow) -> None:
        """Let something happen. A broker restarts beside what else happens meanwhile."""
        if blow.what.startswith("broker"):
            self.mended()
            self._restart = threading.Thread(target=self._restarted, args=(blow,), name="broker restart", daemon=True)
            self._restart.start()
        elif not self._killed(blow.what):
            self.counts["blows that met nobody"] += 1
            return
        self.counts["restarts of the broker" if blow.what.startswith("broker") else "kills"] += 1
        self.counts[f"blow: {blow.what}"] += 1

    def _killed(self, what: str) -> bool:
        supervisor = self._running["supervisor"]
        if what in CONSUMERS or what == "supervisor":
            alive = self._running[what].running
            self._running[what].kill()
            return alive
        if not supervisor.running:
            return False
        if what == "everything":
            kill_all(supervisor, "ingest", "fuse")
        else:
            pump, _, number = what.partition("/")
            os.kill(child(supervisor, pump, int(number)), signal.SIGKILL)
        return True

    def _restarted(self, blow: Blow) -> None:
        if blow.what == "broker killed":
            self.broker.kill()
        else:
            self.broker.stop()
        time.sleep(blow.pause)
        self.broker.start()

    @property
    def restarting(self) -> bool:
        """Whether the broker is away."""
        return self._restart is not None and self._restart.is_alive()

    def mended(self) -> None:
        """Wait until the broker is back, if it is restarting."""
        if self._restart is not None:
            self._restart.join()
            self._restart = None
            assert self.broker.running, "the broker did not come back"

    def waiting(self) -> dict[str, int]:
        """Return what the broker and the consumers have yet to do, by queue; dead letters aside."""
        queues = {queue["name"]: int(queue.get("messages", 0)) for queue in self.broker.queues(self.vhost.name)}
        found = {name: count for name, count in queues.items() if name.startswith("q_") and not name.endswith(".dead")}
        return {name: count for name, count in (found | self._postponed()).items() if count}

    def _postponed(self) -> dict[str, int]:
        return {str(file): _count(file, "later") for file in self._stores()}

    def _stores(self) -> list[Path]:
        state = self.folder / ".local" / "state" / "winnowry"
        return [file for consumer in state.glob("consumer-*/subscribe") for file in stores_of(consumer)]

    def end(self) -> list[str]:
        """Let everybody drain; return who ended badly."""
        for program in self._running.values():
            program.terminate()
        for program in self._running.values():
            program.stop(60.0)
        return [f"{name} ended with {program.code}" for name, program in self._running.items() if program.code]


def _count(file: Path, table: str) -> int:
    connection = sqlite3.connect(file, timeout=30.0)
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        connection.close()
