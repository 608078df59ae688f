from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from audits import watch
from brokers import Vhost
from clusters import DRAIN_SECONDS, Cluster
from witness import Witness

from winnowry.runners.demo.taps import Taps
from winnowry.runners.demo.tree import sow
from winnowry.runners.servers.nginx import FileServer

pytestmark = pytest.mark.e2e

FILES = 400
QUEUES = ("q_feeder.fuse.alice", "q_feeder.fuse.bob")
PUMPS = "fuse: {kind: winnow, from: {sources: [alice, bob]}, to: xpublic, prefetch: 10}"
NAMES = Counter({f"file {number}": 1 for number in range(FILES)})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    sow(tmp_path / "tree", files=FILES)
    return tmp_path / "tree"


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    """A winnow that has been started once, so that its queues are there."""
    exchanges = ("xs_alice", "xs_bob", "xpublic")
    with Cluster(vhost, tmp_path, exchanges=exchanges, accounts=("alice", "bob", "carol")) as made:
        made.write(PUMPS, users="{alice: {role: source}, bob: {role: source}}")
        made.start("fuse", until_idle=True).finish(DRAIN_SECONDS)
        yield made


def announced(taps: Taps) -> Counter[str]:
    return Counter(sighting.rel_path for sighting in taps.read("xpublic"))


def test_a_winnow_that_is_stopped_and_started_announces_each_file_once(cluster: Cluster, vhost: Vhost, tree: Path) -> None:
    audit = watch(cluster)
    with Taps(vhost.url, ["xpublic"]) as taps:
        for poster in [
            cluster.post("alice", tree, "http://alice.example.org/"),
            cluster.post("bob", tree, "http://bob.example.org/"),
        ]:
            poster.finish(60)
        for amount in (FILES // 8, FILES // 4):
            running = cluster.start()
            while taps.count("xpublic") < amount:
                assert running.running
            running.stop(DRAIN_SECONDS)
            assert running.code == 0, running.last_words()
            assert cluster.depth(*QUEUES) > 0, "it was over before it could be stopped"
        cluster.start(until_idle=True).finish(60)
        assert announced(taps) == NAMES
    assert (audit.check()["announced"], audit.check()["repeat"]) == (FILES, FILES)


def test_a_winnow_that_is_killed_loses_nothing_and_its_receiver_sees_each_file_once(
    cluster: Cluster, vhost: Vhost, tree: Path, tmp_path: Path
) -> None:
    with FileServer(tree) as server, Taps(vhost.url, ["xpublic"]) as taps, Witness(tmp_path / "carol") as carol:
        cluster.subscribe("carol", carol.root)
        cluster.exchange_is_read("xpublic")
        audit = watch(cluster)
        for account in ("alice", "bob"):
            cluster.post(account, tree, server.url).finish(60)
        running = cluster.start()
        for amount in (FILES // 8, FILES // 4, FILES // 2):
            while taps.count("xpublic") < amount:
                assert running.running
            assert cluster.kill_amid(running, "fuse", *QUEUES) > 0, "it had settled everything before it could be killed"
        for queue in QUEUES:
            cluster.settled("fuse", queue)
        carol.wait(FILES)
        assert announced(taps).keys() == NAMES.keys()
        audit.check()
    assert Counter(carol.names) == NAMES
