import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from audits import watch
from brokers import Vhost
from clusters import Cluster, kill_all
from slow_server import slow_server
from witness import Witness

from winnowry.runners.demo.taps import Taps
from winnowry.runners.servers.nginx import FileServer
from winnowry.runners.servers.owned import Owned

pytestmark = pytest.mark.e2e

FILES = 2000
MOMENTS = 10
QUEUE = "q_feeder.ingest.alice"
FOLDERS = tuple(f"folder {number}" for number in range(20))
SERVED = tuple(f"alice/{folder}" for folder in FOLDERS)
PUMPS = """
ingest: {{kind: sarra, from: {{sources: [alice]}}, to: xpublic, base_url: "{url}", layout: "{{source}}/{{rel_path}}"}}
"""


@pytest.fixture
def seed() -> int:
    """Another one each time, told when the test fails; `SEED` in the environment brings it back."""
    chosen = int(os.environ.get("SEED", Random().randrange(10**6)))
    print(f"SEED={chosen}")
    return chosen


def plant(tree: Path, random: Random) -> dict[str, str]:
    """Make files of 10 kB and smaller; return the digest of each."""
    digests = {}
    for number in range(FILES):
        name = f"{FOLDERS[number % len(FOLDERS)]}/file {number}"
        content = random.randbytes(10_000 if number % 2 else random.randrange(10_000))
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
        digests[name] = hashlib.sha256(content).hexdigest()
    return digests


def moments(random: Random) -> list[int]:
    """Return ten numbers of files between 5 % and 95 % of all, one in each tenth of that span."""
    span = FILES * 90 // 100 // MOMENTS
    return [FILES * 5 // 100 + span * number + random.randrange(span) for number in range(MOMENTS)]


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(vhost, tmp_path, exchanges=("xs_alice", "xpublic"), accounts=("alice", "carol")) as made:
        yield made


def kill_at_each(cluster: Cluster, running: Owned, pump: Witness, chosen: list[int]) -> Owned:
    """Kill the pump when so many files have appeared; at each third moment with its supervisor. Returns who runs in the end."""
    for number, moment in enumerate(chosen):
        pump.wait(moment)
        assert cluster.kill_amid(running, "ingest", QUEUE) > 0, f"nothing was unsettled at {moment} files"
        if number % 3 == 2:
            kill_all(running)
            running = cluster.start()
    return running


def test_sarra_killed_ten_times_loses_nothing_and_shows_nothing_twice(
    cluster: Cluster, vhost: Vhost, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    digests = plant(tmp_path / "tree", random)
    with (
        slow_server(tmp_path / "tree", pause=0.004) as source,
        FileServer(cluster.data) as served,
        Taps(vhost.url, ["xpublic"]) as taps,
        Witness(cluster.data, SERVED) as pump,
        Witness(tmp_path / "carol", FOLDERS) as carol,
    ):
        cluster.write(PUMPS.format(url=served.url), users="{alice: {role: source}}")
        cluster.subscribe("carol", carol.root, "--strip", "1")
        running = cluster.start()
        cluster.listening(QUEUE)
        cluster.exchange_is_read("xpublic")
        audit = watch(cluster)
        cluster.post("alice", tmp_path / "tree", source)
        kill_at_each(cluster, running, pump, moments(random))
        carol.wait(FILES)
        cluster.settled("ingest", QUEUE)
        figures = audit.check()
        announced = Counter(sighting.origin_path for sighting in taps.read("xpublic") if sighting.kind == "file")
    assert carol.digests == {name: {digest} for name, digest in digests.items()}
    assert pump.digests == {f"alice/{name}": {digest} for name, digest in digests.items()}
    assert carol.doubled == []
    assert announced.keys() == digests.keys()
    everything = FILES + len(FOLDERS)
    assert (figures["delivered"], figures["intact"]) == (everything, 2 * everything)
