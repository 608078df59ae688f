"""Two instances of a pump share its queues and its memory."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import Vhost, eventually
from clusters import DRAIN_SECONDS, Cluster, child

from winnowry.runners.demo.taps import Taps
from winnowry.runners.demo.tree import sow

pytestmark = pytest.mark.e2e

FILES = 300
PUMPS = "fuse: {kind: winnow, from: {sources: [alice, bob]}, to: xpublic, instances: 2, prefetch: 20}"
NAMES = Counter({f"file {number}": 1 for number in range(FILES)})


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    """Two instances whose queues are there, and hold the announcements of two posters of one tree."""
    sow(tmp_path / "tree", files=FILES)
    with Cluster(vhost, tmp_path, exchanges=("xs_alice", "xs_bob", "xpublic"), accounts=("alice", "bob")) as made:
        made.write(PUMPS, users="{alice: {role: source}, bob: {role: source}}")
        made.start("fuse", until_idle=True).finish(DRAIN_SECONDS)
        for account in ("alice", "bob"):
            made.post(account, tmp_path / "tree", f"http://{account}.example.org/").finish(60)
        yield made


def outcomes(cluster: Cluster) -> Counter[str]:
    """Return how many Deliveries each ending has had, over both instances; what is to be tried later is counted again then."""
    counts: Counter[str] = Counter()
    for number in (1, 2):
        counts.update(cluster.ask("fuse", number=number)["outcomes"])
    return counts


def test_two_instances_announce_each_file_once_between_them(cluster: Cluster, vhost: Vhost) -> None:
    with Taps(vhost.url, ["xpublic"]) as taps:
        running = cluster.start()
        cluster.until("fuse", lambda status: status["state"] == "running")
        eventually(lambda: _ended(outcomes(cluster)) == 2 * FILES, what="an ending of every Post")
        assert all(cluster.ask("fuse", number=number)["outcomes"].get("announced:done") for number in (1, 2)), "one did it all"
        running.stop(DRAIN_SECONDS)
        assert Counter(sighting.rel_path for sighting in taps.read("xpublic")) == NAMES


def test_what_an_instance_held_when_it_was_killed_is_done_by_the_other(cluster: Cluster, vhost: Vhost) -> None:
    with Taps(vhost.url, ["xpublic"]) as taps:
        running = cluster.start()
        while taps.count("xpublic") < FILES // 4:
            assert running.running
        os.kill(child(running, "fuse", 2), signal.SIGKILL)
        for queue in ("q_feeder.fuse.alice", "q_feeder.fuse.bob"):
            cluster.settled("fuse", queue)
        eventually(lambda: taps.count("xpublic") >= FILES, what="an announcement of every file")
        running.stop(DRAIN_SECONDS)
        assert {sighting.rel_path for sighting in taps.read("xpublic")} == NAMES.keys()


def _ended(counts: Counter[str]) -> int:
    return sum(count for ending, count in counts.items() if not ending.startswith("retried"))
