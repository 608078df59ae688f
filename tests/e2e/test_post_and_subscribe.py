import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from audits import watch
from brokers import Vhost, eventually
from clusters import DRAIN_SECONDS, Cluster
from winnowry_cli import Winnowry

from winnowry.runners.demo.compare import differences, survey
from winnowry.runners.demo.taps import Taps
from winnowry.runners.demo.tree import plant
from winnowry.runners.servers.nginx import FileServer
from winnowry.schemas.errors import Unreachable
from winnowry.schemas.paths import TEMPORARY_SUFFIX

pytestmark = pytest.mark.e2e

FILES = 400


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    """No pumps: only the accounts of a source and of a consumer who reads what the source announces."""
    with Cluster(vhost, tmp_path, exchanges=("xs_alice",), accounts=("alice", "carol")) as made:
        yield made


def printed(command: Winnowry) -> str:
    return "".join(log.read_text() for log in command.home.glob("winnowry_*.log"))


def test_a_tree_arrives_as_it_is_and_once(cluster: Cluster, vhost: Vhost, tmp_path: Path) -> None:
    tree, carol = tmp_path / "tree", tmp_path / "carol"
    plant(tree, files=FILES, largest=5_000_000)
    with FileServer(tree) as server, Taps(vhost.url, ["xs_alice"]) as taps:
        cluster.subscribe("carol", carol, "--exchange", "xs_alice", "--until-idle").finish(60)
        audit = watch(cluster)
        cluster.post("alice", tree, server.url).finish(60)
        cluster.subscribe("carol", carol, "--exchange", "xs_alice", "--until-idle").finish(120)
        assert differences(survey(tree), survey(carol)) == []
        first = {path: path.lstat().st_ctime_ns for path in carol.rglob("*")}
        cluster.post("alice", tree, server.url).finish(60)
        cluster.subscribe("carol", carol, "--exchange", "xs_alice", "--until-idle").finish(120)
        assert taps.count("xs_alice") == 2 * len(survey(tree))
        audit.check()
    assert {path: path.lstat().st_ctime_ns for path in carol.rglob("*")} == first
    assert "secret" not in printed(cluster.command)


def test_ctrl_c_drains_and_ends_well(cluster: Cluster, vhost: Vhost, tmp_path: Path) -> None:
    tree, carol = tmp_path / "tree", tmp_path / "carol"
    plant(tree, files=4 * FILES)
    with FileServer(tree) as server:
        consumer = cluster.subscribe("carol", carol, "--exchange", "xs_alice")
        cluster.exchange_is_read("xs_alice")
        (queue,) = cluster.readers("xs_alice")
        cluster.listening(queue)
        audit = watch(cluster)
        poster = cluster.post("alice", tree, server.url)
        eventually(lambda: carol.exists() and any(carol.iterdir()), what="the first delivery")
        os.kill(consumer.pid, signal.SIGINT)
        consumer.finish(DRAIN_SECONDS)
        assert list(carol.rglob(f"*{TEMPORARY_SUFFIX}")) == []
        poster.finish(60)
        assert vhost.depth(queue) > 0, "everything had been delivered before it was interrupted"
        cluster.subscribe("carol", carol, "--exchange", "xs_alice", "--until-idle").finish(120)
        audit.check()
    assert differences(survey(tree), survey(carol)) == []


def test_a_poster_that_is_stopped_says_that_not_all_was_announced(cluster: Cluster, vhost: Vhost, tmp_path: Path) -> None:
    tree, many = tmp_path / "tree", 20_000
    tree.mkdir()
    for number in range(many):
        (tree / str(number)).touch()
    vhost.queue("heard", "xs_alice")
    poster = cluster.post("alice", tree, "http://localhost/")
    eventually(lambda: vhost.depth("heard") > 0, what="the first announcement")
    os.kill(poster.pid, signal.SIGINT)
    with pytest.raises(Unreachable, match=r"ended with 130(?s:.*)stopped before all was announced"):
        poster.finish(30)
    assert vhost.depth("heard") < many
