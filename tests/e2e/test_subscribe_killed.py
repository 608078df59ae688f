import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from audits import watch
from brokers import Vhost, eventually
from clusters import Cluster, consumers
from slow_server import slow_server
from witness import Witness

from winnowry.runners.demo.tree import sow

pytestmark = pytest.mark.e2e

FILES = 600
KILLS = 5


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(vhost, tmp_path, exchanges=("xs_alice",), accounts=("alice", "carol")) as made:
        yield made


def test_a_consumer_who_takes_files_away_gets_each_once_however_often_the_delivery_is_killed(
    cluster: Cluster, vhost: Vhost, tmp_path: Path
) -> None:
    sow(tmp_path / "tree", files=FILES)
    options = ("--exchange", "xs_alice")
    with slow_server(tmp_path / "tree", pause=0.002) as source, Witness(tmp_path / "carol", takes=True) as carol:
        delivery = cluster.subscribe("carol", carol.root, *options)
        cluster.exchange_is_read("xs_alice")
        (queue,) = cluster.readers("xs_alice")
        cluster.listening(queue)
        audit = watch(cluster, takers=[carol])
        cluster.post("alice", tmp_path / "tree", source)
        for number in range(1, KILLS + 1):
            carol.wait(number * FILES // (KILLS + 1))
            delivery.kill()
            eventually(lambda: not consumers(vhost, queue), what="the loss of the consumer")
            assert vhost.depth(queue) > 0, "everything had been delivered before it was killed"
            delivery = cluster.subscribe("carol", carol.root, *options)
        carol.wait(FILES)
        os.kill(delivery.pid, signal.SIGTERM)
        delivery.finish(40)
        assert audit.check()["delivered"] == FILES
    assert Counter(carol.names) == Counter(path.name for path in (tmp_path / "tree").iterdir())
