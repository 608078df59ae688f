"""What becomes of a pump that may open no more files: it waits, tells why, and goes on when it may again."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from audits import watch
from brokers import Vhost, eventually
from clusters import Cluster, child
from courses import a_served_file
from pools import files_in
from scripted import scripted, serving

from winnowry.io.tree import Tree
from winnowry.schemas.v03 import write_v03

FILES = 200
QUEUE = "q_feeder.ingest.alice"
PUMPS = """
ingest: {kind: sarra, from: {sources: [alice]}, to: xpublic, base_url: "http://example.org/", layout: "{source}/{rel_path}",
         attempts: 10, delays: [1s]}
"""


def opened(process: int) -> int:
    return len(os.listdir(f"/proc/{process}/fd"))


def limit(process: int) -> int:
    return resource.prlimit(process, resource.RLIMIT_NOFILE)[0]


def allow(process: int, descriptors: int) -> None:
    """Let a process have so many descriptors; what it has stays open."""
    resource.prlimit(process, resource.RLIMIT_NOFILE, (descriptors, resource.prlimit(process, resource.RLIMIT_NOFILE)[1]))


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(vhost, tmp_path, exchanges=("xs_alice", "xpublic"), accounts=("alice",)) as made:
        made.write(PUMPS, users="{alice: {role: source}}")
        yield made


@pytest.mark.e2e
def test_a_pump_that_may_open_no_more_files_goes_on_when_it_may(cluster: Cluster, vhost: Vhost) -> None:
    places = {cluster.data / "alice" / str(number) / "f" for number in range(FILES)}
    audit = watch(cluster)
    with scripted() as (script, server):
        running = cluster.start()
        cluster.listening(QUEUE)
        cluster.until("ingest", lambda status: status["state"] == "running")
        process = child(running, "ingest")
        for number in range(FILES):
            script.plays(f"{number}/f", serving(b"content"))
        posts = [write_v03(a_served_file(server.url, f"{number}/f", b"content")) for number in range(FILES)]
        allow(process, opened(process) + 3)
        vhost.publish("xs_alice", "v03", *posts)
        eventually(lambda: opened(process) >= limit(process), what="the use of every descriptor")
        assert {file.read_bytes() for file in places if file.exists()} <= {b"content"}
        allow(process, 1024)
        cluster.until("ingest", lambda status: status["outcomes"].get("announced:done") == FILES)
        outcomes = cluster.settled("ingest", QUEUE)["outcomes"]
        assert child(running, "ingest") == process, "it died of it"
        audit.check()
    assert any(how.startswith("retried") for how in outcomes), "it could open all it wanted"
    assert [how for how in outcomes if not how.startswith("retried")] == ["announced:done"]
    assert {file for file in cluster.data.rglob("*") if file.is_file()} == places


def test_folders_that_are_kept_open_leave_room_for_files(tmp_path: Path) -> None:
    before, tree = limit(0), Tree(tmp_path)
    allow(0, len(os.listdir("/proc/self/fd")) + 20)
    try:
        for number in range(FILES):
            descriptor, temporary = tree.create_temporary(f"{number}/f")
            os.close(descriptor)
            tree.rename(temporary, f"{number}/f")
    finally:
        allow(0, before)
    assert len(files_in(tmp_path)) == FILES
