"""A pump whose memory is cut short under its hands: the process dies of it once, and the next one begins the memory anew."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from audits import watch
from brokers import Vhost, eventually
from clusters import Cluster, child
from relays import a_file

from winnowry.runners.demo.taps import Taps
from winnowry.schemas.v03 import write_v03

pytestmark = pytest.mark.e2e

FILES = 400
QUEUE = "q_feeder.fuse.alice"
PUMPS = """
fuse: {kind: winnow, from: {sources: [alice]}, to: xpublic, instances: 1}
"""


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(vhost, tmp_path, exchanges=("xs_alice", "xpublic"), accounts=("alice",)) as made:
        made.write(PUMPS, users="{alice: {role: source}}")
        yield made


def test_a_memory_cut_short_while_its_pump_runs_costs_one_death_and_repeats(
    cluster: Cluster, vhost: Vhost, tmp_path: Path
) -> None:
    bodies = [write_v03(a_file(f"f/{number}", "1")) for number in range(FILES)]
    audit = watch(cluster)
    with Taps(vhost.url, ["xpublic"]) as taps:
        running = cluster.start()
        cluster.listening(QUEUE)
        vhost.publish("xs_alice", "v03", *bodies)
        cluster.until("fuse", lambda status: status["outcomes"].get("announced:done") == FILES)
        before = child(running, "fuse")
        for file in (tmp_path / "state" / "fuse" / "memory").glob("*/*/data.mdb"):
            os.truncate(file, 8192)
        vhost.publish("xs_alice", "v03", *bodies, write_v03(a_file("new", "1")))
        eventually(lambda: not Path(f"/proc/{before}").exists(), what="the death of the process")
        status = cluster.until("fuse", lambda status: status["outcomes"].get("announced:done") == FILES + 1)
        cluster.settled("fuse", QUEUE)
        assert status["outcomes"] == {"announced:done": FILES + 1}
        assert vhost.depth("q_feeder.fuse.dead") == 0
        audit.check()
        sightings = [sighting.rel_path for sighting in taps.read("xpublic")]
    assert {path: sightings.count(path) for path in sightings} == {f"f/{number}": 2 for number in range(FILES)} | {"new": 1}
    assert len(list((tmp_path / "state" / "fuse" / "memory" / "days").glob("*.damaged-*"))) == 1
