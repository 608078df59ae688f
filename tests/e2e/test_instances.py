"""Two instances of a pump share its queues and its memory."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from audits import watch
from brokers import Vhost, eventually
from clusters import DRAIN_SECONDS, Cluster, child, consumers

from winnowry.runners.demo.taps import Taps
from winnowry.runners.demo.tree import sow

pytestmark = pytest.mark.e2e

FILES = 300
PUMPS = "fuse: {kind: winnow, from: {sources: [alice, bob]}, to: xpublic, instances: 2, prefetch: 20}"
NAMES = Counter({f"file {number}": 1 for number in range(FILES)})


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    """A pump of two instances, and a tree that two posters have."""
    sow(tmp_path / "tree", files=FILES)
    with Cluster(vhost, tmp_path, exchanges=("xs_alice", "xs_bob", "xpublic"), accounts=("alice", "bob")) as made:
        made.write(PUMPS, users="{alice: {role: source}, bob: {role: source}}")
        yield made


def both_post(cluster: Cluster, vhost: Vhost, tree: Path) -> None:
    """Let both posters begin to announce the tree, when both instances listen to both."""
    for account in ("alice", "bob"):
        eventually(lambda queue=f"q_feeder.fuse.{account}": consumers(vhost, queue) == 2, what="two consumers")
    for account in ("alice", "bob"):
        cluster.post(account, tree, f"http://{account}.example.org/")


def outcomes(cluster: Cluster) -> Counter[str]:
    """Return how many Deliveries each ending has had, over both instances; what is to be tried later is counted again then."""
    counts: Counter[str] = Counter()
    for number in (1, 2):
        counts.update(cluster.ask("fuse", number=number)["outcomes"])
    return counts


def test_two_instances_announce_each_file_once_between_them(cluster: Cluster, vhost: Vhost, tmp_path: Path) -> None:
    audit = watch(cluster)
    with Taps(vhost.url, ["xpublic"]) as taps:
        running = cluster.start()
        both_post(cluster, vhost, tmp_path / "tree")
        eventually(lambda: _ended(outcomes(cluster)) == 2 * FILES, what="an ending of every Post")
        assert all(cluster.ask("fuse", number=number)["outcomes"].get("announced:done") for number in (1, 2)), "one did it all"
        running.stop(DRAIN_SECONDS)
        assert Counter(sighting.rel_path for sighting in taps.read("xpublic")) == NAMES
    audit.check()


def test_what_an_instance_held_when_it_was_killed_is_done_by_the_other(cluster: Cluster, vhost: Vhost, tmp_path: Path) -> None:
    audit = watch(cluster)
    with Taps(vhost.url, ["xpublic"]) as taps:
        running = cluster.start()
        both_post(cluster, vhost, tmp_path / "tree")
        while taps.count("xpublic") < FILES // 4:
            assert running.running
        os.kill(child(running, "fuse", 2), signal.SIGKILL)
        eventually(lambda: taps.count("xpublic") >= FILES, what="an announcement of every file")
        for queue in ("q_feeder.fuse.alice", "q_feeder.fuse.bob"):
            cluster.settled("fuse", queue)
        running.stop(DRAIN_SECONDS)
        assert {sighting.rel_path for sighting in taps.read("xpublic")} == NAMES.keys()
    audit.check()


def _ended(counts: Counter[str]) -> int:
    return sum(count for ending, count in counts.items() if not ending.startswith("retried"))
