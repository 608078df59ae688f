import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest
from brokers import Vhost, eventually
from clusters import Cluster
from flink_jars import JARS
from processes import use_of
from relays import a_file, announcement

from winnowry.runners.servers.flink import JobServer
from winnowry.runners.servers.flink_cluster import FlinkCluster
from winnowry.runners.servers.owned import Owned
from winnowry.runners.servers.ports import free_port
from winnowry.schemas.edge import InputEdge

pytestmark = [pytest.mark.flink, pytest.mark.e2e, pytest.mark.timeout(1200)]

QUEUE, HEARD = "q_feeder.fuse", "q_heard"
EDGE = InputEdge(kind="internal", queue=QUEUE, exchange="xwinnow")
SECONDS = 400.0
IDLE = 300.0
"""Seconds for which a pump has nothing to do."""


class Fuse:
    """A winnow on Flink, operated by the command line, and all that it announces."""

    def __init__(self, cluster: Cluster, flink: FlinkCluster, job_server: JobServer) -> None:
        self.cluster, self.vhost, self.flink = cluster, cluster.vhost, flink
        self.name = f"fuse-{cluster.vhost.name}"  # Flink remembers the pumps of other tests
        self._places = {"master": flink.master, "workers": flink.pool, "job_server": job_server.address}
        self.vhost.queue(HEARD, "xpublic")
        self.write()

    def write(self, more: str = "") -> None:
        """Write the cluster file; ``more`` is added to the pump."""
        engine = {"name": "flink", "checkpoints": "1s"} | self._places
        pump = f"{self.name}: {{kind: winnow, from: xwinnow, to: xpublic, queue_name: {QUEUE}{more}}}"
        self.cluster.write(pump, exchanges="[xwinnow]", engine=json.dumps(engine))

    def finds_workers_at(self, address: str) -> None:
        """Write the cluster file so that TaskManagers look for workers at another address."""
        self._places["workers"] = address
        self.write()

    def starts_its_own_job_server(self) -> None:
        """Write the cluster file so that each start needs a job server of its own."""
        self._places = {name: place for name, place in self._places.items() if name != "job_server"} | {"jars": str(JARS)}
        self.write()

    def does(self, verb: str, *arguments: str, code: int = 0) -> str:
        """Run a verb of `winnowry flink`, and return what it prints."""
        done = self.cluster.command.done("flink", verb, str(self.cluster.file), *arguments, seconds=SECONDS)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def status(self, *verb: str, code: int = 0) -> list[dict[str, Any]]:
        done = self.cluster.command.done(*verb, "status", str(self.cluster.file), "--json")
        assert done.returncode == code, done.stdout + done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def announce(self, names: Iterable[str]) -> None:
        """Let somebody announce these files, the content of each being its name."""
        self.vhost.publish(EDGE.exchange, "v03", *(announcement(a_file(name, name), EDGE).body for name in names))

    def hears(self, names: Iterable[str]) -> bool:
        """Wait until as many are heard, and everything is settled; say whether these were heard, each once, and no other."""
        expected = Counter(dict.fromkeys(names, 1))
        eventually(lambda: self.vhost.depth(HEARD) >= expected.total(), SECONDS, "all announcements")
        self.cluster.until(self.name, lambda told: not told["waiting"] + told["unsettled"] + self.vhost.depth(QUEUE), SECONDS)
        bodies = self.vhost.take(HEARD, self.vhost.depth(HEARD))
        return Counter(msgspec.json.decode(body)["relPath"] for body in bodies) == expected


@pytest.fixture
def fuse(vhost: Vhost, tmp_path: Path, flink_cluster: FlinkCluster, job_server: JobServer) -> Iterator[Fuse]:
    with Cluster(vhost, tmp_path, exchanges=("xwinnow", "xpublic")) as cluster:
        pump = Fuse(cluster, flink_cluster, job_server)
        yield pump
        cluster.command.done("flink", "stop", str(cluster.file), "--without-savepoint")


def counted(fuse: Fuse) -> dict[str, int]:
    (row,) = fuse.status("flink")
    outcomes: dict[str, int] = row["outcomes"]
    return outcomes


def unacknowledged(vhost: Vhost) -> int:
    """Return how many messages the broker has handed out and waits for; it counts every few seconds."""
    return sum(int(queue["messages_unacknowledged"]) for queue in vhost.broker.queues(vhost.name))


def saved(printed: str) -> str:
    found = re.search(r"saved in (file:\S+)", printed)
    assert found is not None, printed
    return found[1]


def test_a_pump_that_was_stopped_goes_on_with_its_memory_also_with_another_filter(fuse: Fuse) -> None:
    known, selected, rejected = ([f"{folder}/{number}" for number in range(200)] for folder in ("known", "new", "no"))
    assert re.search(rf"{fuse.name} runs as job \w{{32}}; it goes on from nothing", fuse.does("start"))
    fuse.announce([*known, *known])
    assert fuse.hears(known)

    assert "runs already" in fuse.does("start", code=2)
    (row,) = fuse.status("flink")
    assert (row["pump"], row["instance"], row["state"], row["queues"]) == (fuse.name, "flink", "running", {QUEUE: 0})
    assert row["last_checkpoint"]["bytes"] > 0
    eventually(lambda: counted(fuse) == {"announced": 200, "repeat": 200}, what="the count of all files")
    assert {answer["instance"] for answer in fuse.status()} == {"1", "flink"}

    point = saved(fuse.does("stop"))
    assert [row["state"] for row in fuse.status("flink", code=1)] == ["finished"]
    fuse.announce([*known, *selected, *rejected])
    fuse.write(", reject: ['no/**']")
    assert f"it goes on from {point}" in fuse.does("start")
    assert fuse.hears(selected)

    later = saved(fuse.does("savepoint"))
    listed = [found["url"] for found in json.loads(fuse.does("points", fuse.name, "--json")) if found["kind"] == "savepoint"]
    assert listed == [later, point]

    fuse.write()
    assert "it goes on from file:" in fuse.does("upgrade")
    fuse.announce([*known, *selected, *rejected])
    assert fuse.hears(rejected)


@pytest.mark.long
def test_a_pump_goes_on_from_its_last_checkpoint_when_the_whole_cluster_was_killed(fuse: Fuse) -> None:
    fuse.starts_its_own_job_server()
    fuse.does("start")
    fuse.announce(["a", "b"])
    assert fuse.hears(["a", "b"])
    fuse.flink.kill_job_manager()
    for number in fuse.flink.pools:
        fuse.flink.kill_task_manager(number)
    fuse.announce(["a", "b", "c"])
    fuse.flink.start_job_manager()
    for number in fuse.flink.pools:
        fuse.flink.start_task_manager(number)
    fuse.flink.wait_for_task_managers(len(fuse.flink.pools))
    assert "/chk-" in fuse.does("start")
    assert fuse.hears(["c"])


@pytest.mark.long
def test_a_pump_without_work_hardly_uses_a_processor_and_forgets_nothing(
    fuse: Fuse, record_property: Callable[[str, object], None]
) -> None:
    known, new = ([f"{folder}/{number}" for number in range(200)] for folder in ("known", "new"))
    fuse.does("start")
    fuse.announce([*known, *known])
    assert fuse.hears(known)

    python = [worker for pool in fuse.flink.pools.values() for worker in pool.workers()]
    began, before = time.monotonic(), use_of(python).seconds
    Event().wait(IDLE)
    share = (use_of(python).seconds - before) / (time.monotonic() - began)
    record_property("percent of a core", round(share * 100, 1))
    assert python == [worker for pool in fuse.flink.pools.values() for worker in pool.workers()]
    assert share < 0.15
    eventually(lambda: not unacknowledged(fuse.vhost), what="the broker counting all acknowledgements")

    fuse.does("stop")
    fuse.announce([*known, *new])
    fuse.does("start")
    assert fuse.hears(new)


@pytest.mark.long
def test_a_pool_with_another_python_is_told_of_instead_of_waiting_for_ever(fuse: Fuse, tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    port = free_port()
    command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"]
    pool = Owned(command, log=tmp_path / "pool.log", env=os.environ | {"PATH": f"{python.parent}:{os.environ['PATH']}"})
    try:
        pool.wait_for_port(port, 60)
        fuse.finds_workers_at(f"localhost:{port}")
        printed = fuse.does("start", "--wait", "60", code=1)
        assert re.search(
            rf"{fuse.name}: it has waited \d+ s for workers: .* has the first `python` in its PATH winnowry\?", printed
        )
        (row,) = fuse.status("flink", code=1)
        assert row["state"] == "waiting for workers"
    finally:
        pool.stop()
