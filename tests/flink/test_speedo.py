import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import Vhost, eventually
from clusters import Cluster
from flink_jars import JARS
from rates import Rates

from winnowry.runners.servers.flink import JobServer
from winnowry.runners.servers.flink_cluster import FlinkCluster
from winnowry.schemas.times import write_time

pytestmark = [pytest.mark.flink, pytest.mark.e2e, pytest.mark.timeout(1200)]

QUEUE = "q_feeder.count"
SECONDS = 400.0
TOLD_WITHIN = 3.0
"""Seconds after the end of a window in which its Rates come."""


def a_post(number: int) -> bytes:
    fields = {"pubTime": write_time(time.time_ns()), "baseUrl": "http://example.org/", "relPath": f"a/{number}"}
    return json.dumps({**fields, "source": "alice" if number % 2 else "bob", "size": number}).encode()


@pytest.fixture
def speedo(vhost: Vhost, tmp_path: Path, flink_cluster: FlinkCluster, job_server: JobServer) -> Iterator[Cluster]:
    """A cluster with a speedo on Flink, whose windows are two seconds long."""
    engine = {
        "name": "flink",
        "master": flink_cluster.master,
        "workers": flink_cluster.pool,
        "job_server": job_server.address,
        "jars": str(JARS),
        "checkpoints": "1s",
    }
    with Cluster(vhost, tmp_path, exchanges=("xpublic", "xrates")) as cluster:
        pump = "count: {kind: speedo, from: xpublic, to: xrates, window: 2s}"
        cluster.write(pump, exchanges="[xpublic]", engine=json.dumps(engine))
        done = cluster.command.done("flink", "start", str(cluster.file), seconds=SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        cluster.listening(QUEUE, seconds=SECONDS)
        yield cluster
        cluster.command.done("flink", "stop", str(cluster.file), "--without-savepoint")


class Published:
    """What was announced, half of it twice, byte for byte."""

    def __init__(self, vhost: Vhost) -> None:
        self._vhost = vhost
        self.bodies: list[bytes] = []

    def add(self, some: int) -> None:
        bodies = [a_post(len(self.bodies) + number) for number in range(some)]
        self._vhost.publish("xpublic", "v03.a", *bodies, *bodies[::2])
        self.bodies += [*bodies, *bodies[::2]]

    def is_told_by(self, rates: Rates) -> bool:
        """Whether all is told, altogether and by source: each is a message of its own."""
        by_source = sum(rates.total("source", name).good for name in ("alice", "bob"))
        return min(rates.total().good, by_source) >= len(self.bodies)

    def check(self, rates: Rates) -> None:
        """The sums that stand are exactly what was announced."""
        size = sum(json.loads(body)["size"] for body in self.bodies)
        found = rates.total()
        assert (found.good, found.bad, found.good_bytes) == (len(self.bodies), 0, size)
        assert rates.total("source", "alice").good + rates.total("source", "bob").good == len(self.bodies)


def test_a_speedo_on_flink_tells_windows_soon_after_their_end(speedo: Cluster, vhost: Vhost) -> None:
    published = Published(vhost)
    with Rates(vhost.url, "xrates") as rates:
        for _ in range(4):
            published.add(200)
            eventually(lambda: published.is_told_by(rates), SECONDS, "the telling of what passed")
        published.check(rates)
        assert 0 <= min(rates.lateness) < TOLD_WITHIN, rates.lateness  # the others too, on a machine that is not busy
    assert speedo.ask("count")["kind"] == "speedo"


@pytest.mark.long
def test_a_speedo_on_flink_tells_exactly_what_passed_also_when_task_managers_are_killed(
    speedo: Cluster, vhost: Vhost, flink_cluster: FlinkCluster
) -> None:
    published = Published(vhost)
    with Rates(vhost.url, "xrates") as rates:
        for number in flink_cluster.pools:
            published.add(2000)
            flink_cluster.kill_task_manager(number)
            published.add(2000)
            flink_cluster.start_task_manager(number)
            flink_cluster.wait_for_task_managers(len(flink_cluster.pools))
        speedo.until("count", lambda told: not told["unsettled"] and not vhost.depth(QUEUE), SECONDS)
        eventually(lambda: published.is_told_by(rates), SECONDS, "the telling of all windows")
        published.check(rates)
