"""What an idle pump costs, and how soon a file is there. Figures of one machine on one day: printed, and loosely bounded."""

import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
from brokers import Vhost, eventually
from clusters import Cluster, child

from winnowry.io.examine import announce
from winnowry.runners.demo.tree import sow
from winnowry.runners.demo.watch import Watch
from winnowry.runners.servers.nginx import FileServer
from winnowry.schemas.topics import topic_of
from winnowry.schemas.v03 import write_v03

pytestmark = pytest.mark.bench

QUEUE = "q_feeder.ingest.alice"
PUMPS = """
ingest: {{kind: sarra, from: {{sources: [alice]}}, to: xpublic, base_url: "{url}", layout: "{{source}}/{{rel_path}}"}}
"""
SETTLING, IDLE = 5.0, 10.0
SECONDS, RATE = 10, 150
TICKS = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(vhost, tmp_path, exchanges=("xs_alice", "xpublic"), accounts=("alice", "carol")) as made:
        yield made


def processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def test_an_idle_pump_costs_less_than_a_twentieth_of_a_core(cluster: Cluster) -> None:
    cluster.write(PUMPS.format(url="http://127.0.0.1/"), users="{alice: {role: source}}")
    pump = child(cluster.start(), "ingest")
    cluster.listening(QUEUE)
    time.sleep(SETTLING)
    began, used = time.monotonic(), processor_seconds(pump)
    time.sleep(IDLE)
    share = (processor_seconds(pump) - used) / (time.monotonic() - began)
    print(f"\nan idle sarra uses {share:.1%} of a core")
    assert share < 0.05


def paced(count: int, rate: float) -> Iterator[int]:
    """Yield numbers at a steady rate a second."""
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        yield number


def post_at(vhost: Vhost, tree: Path, url: str, rate: float) -> dict[str, float]:
    """Announce the files of a tree, one after the other; return when each was, in Unix time."""
    names = sorted(path.name for path in tree.iterdir())
    said = {}
    with vhost.connect() as connection:
        channel = connection.channel()
        for number in paced(len(names), rate):
            now = time.time_ns()
            post = announce(str(tree), names[number], base_url=url, method="sha512", now=now)
            properties = pika.BasicProperties(content_type="application/json", delivery_mode=2)
            channel.basic_publish("xs_alice", topic_of(post.rel_path), write_v03(post), properties)
            said[names[number]] = now / 1e9
    return said


def figures(delays: list[float]) -> str:
    cuts = [0.0, *statistics.quantiles(delays, n=100), max(delays)]
    told = {"p50": cuts[50], "p90": cuts[90], "p99": cuts[99], "worst": cuts[100]}
    return ", ".join(f"{name} {seconds * 1e3:.1f} ms" for name, seconds in told.items())


def test_a_file_is_there_within_a_tenth_of_a_second(cluster: Cluster, vhost: Vhost, tmp_path: Path) -> None:
    tree, carol = tmp_path / "tree", tmp_path / "carol"
    carol.mkdir()
    (cluster.data / "alice").mkdir()
    sow(tree, files=SECONDS * RATE)
    with (
        FileServer(tree) as source,
        FileServer(cluster.data) as served,
        Watch(cluster.data) as placed,
        Watch(carol) as delivered,
    ):
        cluster.write(PUMPS.format(url=served.url), users="{alice: {role: source}}")
        cluster.start()
        cluster.subscribe("carol", carol, "--strip", "1")
        cluster.listening(QUEUE)
        cluster.exchange_is_read("xpublic")
        cluster.listening(*cluster.readers("xpublic"))
        said = post_at(vhost, tree, source.url, RATE)
        cluster.settled("ingest", QUEUE)
        eventually(lambda: len(delivered.arrived) >= len(said), what="the delivery of all files")
    to_pump = [placed.arrived[f"alice/{name}"] - when for name, when in said.items()]
    to_consumer = [delivered.arrived[name] - when for name, when in said.items()]
    print(f"\n{len(said)} files of 10 kB at {RATE} a second")
    print(f"announced to placed by sarra:          {figures(to_pump)}")
    print(f"announced to delivered by subscribe:   {figures(to_consumer)}")
    assert statistics.median(to_pump) < 0.1
