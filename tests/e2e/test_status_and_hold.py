import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from audits import watch
from brokers import Vhost, eventually
from clusters import DRAIN_SECONDS, Cluster, consumers

from winnowry.runners.alone import alone
from winnowry.runners.demo.taps import Taps
from winnowry.runners.demo.tree import sow
from winnowry.runners.servers.nginx import FileServer
from winnowry.schemas.errors import DiskTrouble

pytestmark = pytest.mark.e2e

FILES = 100
NAMES = sorted(f"file {number}" for number in range(FILES))
INGEST, FUSE = "q_feeder.ingest.alice", "q_feeder.fuse"
PUMPS = """
ingest: {{kind: sarra, from: {{sources: [alice]}}, to: xwinnow, base_url: "{url}", layout: "{{source}}/{{rel_path}}"}}
fuse: {{kind: winnow, from: xwinnow, to: xpublic}}
"""


@pytest.fixture
def served(vhost: Vhost, tmp_path: Path) -> Iterator[tuple[Cluster, FileServer]]:
    sow(tmp_path / "tree", files=FILES)
    with (
        Cluster(vhost, tmp_path, exchanges=("xs_alice", "xwinnow", "xpublic"), accounts=("alice",)) as cluster,
        FileServer(tmp_path / "tree") as server,
    ):
        cluster.write(PUMPS.format(url=server.url), users="{alice: {role: source}}")
        yield cluster, server


def delivered(cluster: Cluster) -> list[str]:
    return sorted(path.name for path in (cluster.data / "alice").glob("*"))


def test_pumps_that_run_until_they_are_idle_leave_nothing_behind(
    served: tuple[Cluster, FileServer], vhost: Vhost, tmp_path: Path
) -> None:
    cluster, server = served
    for pump in ("ingest", "fuse"):
        cluster.start(pump, until_idle=True).finish(DRAIN_SECONDS)
    audit = watch(cluster)
    cluster.post("alice", tmp_path / "tree", server.url).finish(DRAIN_SECONDS)
    with Taps(vhost.url, ["xpublic"]) as taps:
        cluster.start("ingest", until_idle=True).finish(DRAIN_SECONDS)
        assert (cluster.depth(INGEST), cluster.depth(FUSE)) == (0, FILES)
        cluster.start("fuse", until_idle=True).finish(DRAIN_SECONDS)
        assert sorted(sighting.path for sighting in taps.read("xpublic")) == NAMES
    assert cluster.depth(INGEST, FUSE) == 0
    assert audit.check()["announced"] == 2 * FILES
    assert delivered(cluster) == NAMES


def test_a_held_pump_takes_nothing_until_it_is_lifted(served: tuple[Cluster, FileServer], vhost: Vhost, tmp_path: Path) -> None:
    cluster, server = served
    cluster.start()
    cluster.listening(INGEST, FUSE)
    audit = watch(cluster)
    told = {answer["pump"]: answer for answer in json.loads(cluster.command.run("status", str(cluster.file), "--json"))}
    assert {pump: (answer["kind"], answer["state"], answer["outcomes"]) for pump, answer in told.items()} == {
        "ingest": ("sarra", "running", {}),
        "fuse": ("winnow", "running", {}),
    }
    cluster.ask("ingest", "hold", reason="the disk is being changed", by="olga")
    eventually(lambda: consumers(vhost, INGEST) == 0, what="the hold")
    cluster.post("alice", tmp_path / "tree", server.url).finish(DRAIN_SECONDS)
    assert cluster.depth(INGEST) == FILES
    held = cluster.ask("ingest")
    assert (held["state"], held["holds"][0]["reason"], held["holds"][0]["by"]) == ("held", "the disk is being changed", "olga")
    assert "holds: the disk is being changed" in cluster.command.run("status", str(cluster.file))
    listed = json.loads(cluster.command.run("holds", str(cluster.file), "--json"))
    assert [(hold["pump"], hold["cause"], hold["by"]) for hold in listed] == [("ingest/1", "operator", "olga")]
    assert delivered(cluster) == []
    cluster.ask("ingest", "lift")
    cluster.until("fuse", lambda status: status["outcomes"] == {"announced:done": FILES})
    lifted = cluster.settled("ingest", INGEST)
    assert (lifted["state"], lifted["holds"], lifted["outcomes"]) == ("running", [], {"announced:done": FILES})
    audit.check()
    assert delivered(cluster) == NAMES


def test_a_hold_outlives_the_process_and_ends_when_it_is_lifted(served: tuple[Cluster, FileServer], vhost: Vhost) -> None:
    cluster, _ = served
    running = cluster.start("ingest")
    cluster.listening(INGEST)
    cluster.command.run("hold", str(cluster.file), "ingest", "--reason", "maintenance")
    eventually(lambda: consumers(vhost, INGEST) == 0, what="the hold")
    cluster.kill_amid(running, "ingest", INGEST)
    found = cluster.until("ingest", lambda status: status["holds"] != [])
    assert (found["state"], found["holds"][0]["reason"], consumers(vhost, INGEST)) == ("held", "maintenance", 0)
    cluster.command.run("lift", str(cluster.file), "ingest")
    cluster.listening(INGEST)
    assert cluster.command.run("holds", str(cluster.file)) == "nothing is held\n"


def test_a_pump_that_is_told_to_drain_ends_well(served: tuple[Cluster, FileServer]) -> None:
    cluster, _ = served
    running = cluster.start("ingest")
    cluster.listening(INGEST)
    assert cluster.ask("ingest", "drain")["state"] == "draining"
    running.finish(DRAIN_SECONDS)
    assert not list(cluster.file.parent.rglob("control.sock"))


def test_an_instance_that_runs_is_alone_in_its_folder(served: tuple[Cluster, FileServer], tmp_path: Path) -> None:
    cluster, _ = served
    cluster.start()
    cluster.listening(INGEST, FUSE)
    for pump in ("ingest", "fuse"):
        folder = tmp_path / "state" / pump / "1"
        assert (folder / "control.sock").exists()
        with pytest.raises(DiskTrouble, match=r"process \d+ works in"), alone(folder, patience=0.0):
            pass
