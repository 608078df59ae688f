"""`winnowry audit` on a live cluster."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from brokers import Vhost, eventually
from clusters import Cluster, kill_all

from winnowry.io.walk import hash_file
from winnowry.runners.demo.tree import sow
from winnowry.runners.servers.nginx import FileServer
from winnowry.runners.servers.owned import Owned
from winnowry.schemas.post import Post
from winnowry.schemas.times import write_time
from winnowry.schemas.v03 import write_v03

pytestmark = pytest.mark.e2e

FILES = 20
STOLEN = 3
QUEUE = "q_feeder.ingest.alice"
PUMPS = """
ingest: {{kind: sarra, from: {{sources: [alice]}}, to: xpublic, base_url: "{url}", layout: "{{source}}/{{rel_path}}"}}
"""


class Site:
    """A running `sarra`, and a tree of files with a server; files are announced by hand."""

    def __init__(self, cluster: Cluster, tree: Path, url: str) -> None:
        self.cluster, self.vhost, self._tree, self._url = cluster, cluster.vhost, tree, url
        cluster.write(PUMPS.format(url=url), users="{alice: {role: source}}")
        self.running = cluster.start()
        cluster.listening(QUEUE)

    def announce(self, *names: str) -> None:
        """Announce files of the tree."""
        self.vhost.publish("xs_alice", "v03", *(write_v03(self._post(name)) for name in names))

    def _post(self, name: str) -> Post:
        path = self._tree / name
        return Post(
            pub_time=write_time(path.stat().st_mtime_ns),
            base_url=self._url,
            rel_path=name,
            size=path.stat().st_size,
            fingerprint=hash_file(path),
        )

    def audit(self, *options: str) -> Owned:
        """Start an audit; return when it watches."""
        process = self.cluster.command.start("audit", str(self.cluster.file), "--json", *options)
        eventually(lambda: "q_feeder.audit" in str(self.vhost.broker.bindings("xl_feeder", self.vhost.name)), 60, "the audit")
        return process

    def done(self, count: int) -> None:
        """Wait until so many files have been announced onward."""
        self.cluster.until("ingest", lambda status: status["outcomes"].get("announced:done") == count)


@pytest.fixture
def site(vhost: Vhost, tmp_path: Path) -> Iterator[Site]:
    sow(tmp_path / "tree", files=FILES)
    with (
        FileServer(tmp_path / "tree") as source,
        Cluster(vhost, tmp_path, exchanges=("xs_alice", "xpublic"), accounts=("alice",)) as cluster,
    ):
        yield Site(cluster, tmp_path / "tree", source.url)


def verdict(process: Owned) -> dict[str, Any]:
    """Let an audit come to its end and return what it printed."""
    os.kill(process.pid, signal.SIGINT)
    eventually(lambda: not process.running, 90, "the end of the audit")
    return json.loads(process.last_words())


def names(first: int, last: int) -> list[str]:
    return [f"file {number}" for number in range(first, last)]


def test_a_healthy_cluster_has_nothing_wrong(site: Site) -> None:
    site.announce(*names(0, 5))
    site.done(5)
    auditing = site.audit("--for", "5m")
    site.announce(*names(5, FILES))
    site.done(FILES)
    found = verdict(auditing)
    assert (auditing.code, found["findings"]) == (0, [])
    ingest = found["figures"]["ingest"]
    assert (ingest["entered"], ingest["announced"], ingest["lost"]) == (FILES - 5, FILES - 5, 0)
    assert found["figures"][str(site.cluster.data)]["intact"] == FILES - 5
    assert site.cluster.readers("xpublic") == [], "its queues are still there"
    assert "nothing is wrong" in site.cluster.command.run("audit", str(site.cluster.file))


def test_what_is_damaged_removed_planted_or_stolen_is_found(site: Site) -> None:
    auditing = site.audit("--for", "5m", "--settle", "2s")
    site.announce(*names(0, 10))
    site.done(10)
    site.cluster.ask("ingest", "hold", reason="to steal")
    eventually(lambda: site.cluster.ask("ingest")["state"] == "held", what="the hold")
    site.announce(*names(10, 10 + STOLEN))
    eventually(lambda: site.vhost.depth(QUEUE) == STOLEN, what="the coming of what is stolen")
    with site.vhost.connect() as connection:
        connection.channel().queue_purge(QUEUE)
    served = site.cluster.data / "alice"
    (served / "file 1").write_bytes(b"damaged")
    (served / "file 2").unlink()
    (served / "file planted").write_bytes(b"planted")
    found = verdict(auditing)
    assert auditing.code == 1
    kinds = {(finding["kind"], finding["count"]) for finding in found["findings"]}
    assert kinds == {("lost", STOLEN), ("corrupt", 1), ("missing", 1), ("foreign", 1)}


def test_an_instance_that_died_is_found(site: Site) -> None:
    kill_all(site.running, "ingest")
    done = site.cluster.command.done("audit", str(site.cluster.file))
    assert (done.returncode, "dead instance" in done.stdout) == (1, True)


def test_nothing_is_watched_while_a_queue_is_missing_whose_messages_would_be_let_go(vhost: Vhost, tmp_path: Path) -> None:
    with Cluster(vhost, tmp_path, exchanges=("xs_alice", "xpublic"), accounts=("alice",)) as cluster:
        cluster.write(PUMPS.format(url="http://127.0.0.1/"), users="{alice: {role: source}}")
        done = cluster.command.done("audit", str(cluster.file), "--for", "1s")
        assert (done.returncode, done.stdout) == (1, "")
        assert "q_feeder.ingest.alice of the pump ingest is not there" in done.stderr
        assert vhost.broker.bindings("xs_alice", vhost.name) == []
