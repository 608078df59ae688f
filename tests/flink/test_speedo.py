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


def test_a_speedo_on_flink_tells_windows_soon_and_exactly_what_passed_also_when_task_managers_are_killed(
    speedo: Cluster, vhost: Vhost, flink_cluster: FlinkCluster
) -> None:
    published: list[bytes] = []

    def publish(some: int) -> None:
        bodies = [a_post(len(published) + number) for number in range(some)]
        vhost.publish("xpublic", "v03.a", *bodies, *bodies[::2])
        published.extend([*bodies, *bodies[::2]])

    with Rates(vhost.url, "xrates") as rates:
        for _ in range(4):
            publish(200)
            eventually(lambda: rates.total().good == len(published), SECONDS, "the telling of what passed")
        lateness = list(rates.lateness)
        for number in flink_cluster.pools:
            publish(2000)
            flink_cluster.kill_task_manager(number)
            publish(2000)
            flink_cluster.start_task_manager(number)
            flink_cluster.wait_for_task_managers(len(flink_cluster.pools))
        settled = speedo.until("count", lambda told: not told["unsettled"] and not vhost.depth(QUEUE), SECONDS)
        eventually(lambda: rates.total().good >= len(published), SECONDS, "the telling of all windows")
    assert settled["kind"] == "speedo"
    assert (rates.total().good, rates.total().bad) == (len(published), 0)
    assert rates.total().good_bytes == sum(json.loads(body)["size"] for body in published)
    assert rates.total("source", "alice").good + rates.total("source", "bob").good == len(published)
    assert 0 <= min(lateness) < TOLD_WITHIN, lateness  # the others too, on a machine that is not busy
