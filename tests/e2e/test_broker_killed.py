from collections import Counter
from pathlib import Path

import pytest
from audits import watch
from brokers import Vhost
from clusters import Cluster
from slow_server import slow_server
from witness import Witness

from winnowry.runners.demo.tree import sow
from winnowry.runners.servers.nginx import FileServer
from winnowry.runners.servers.rabbitmq import RabbitMQ

pytestmark = pytest.mark.e2e

FILES = 1000
QUEUE = "q_feeder.ingest.alice"
PUMPS = """
ingest: {{kind: sarra, from: {{sources: [alice]}}, to: xwinnow, base_url: "{url}", layout: "{{source}}/{{rel_path}}"}}
fuse: {{kind: winnow, from: xwinnow, to: xpublic}}
"""


def test_a_broker_that_is_killed_and_comes_back_costs_no_file_and_doubles_none(tmp_path: Path) -> None:
    sow(tmp_path / "tree", files=FILES)
    exchanges, accounts = ("xs_alice", "xwinnow", "xpublic"), ("alice", "carol")
    with RabbitMQ() as broker:
        vhost = Vhost(broker)
        broker.add_vhost(vhost.name)
        with (
            Cluster(vhost, tmp_path, exchanges=exchanges, accounts=accounts) as cluster,
            slow_server(tmp_path / "tree", pause=0.004) as source,
            FileServer(cluster.data) as served,
            Witness(tmp_path / "carol") as carol,
        ):
            cluster.write(PUMPS.format(url=served.url), users="{alice: {role: source}}")
            cluster.start()
            cluster.subscribe("carol", carol.root, "--strip", "1")
            cluster.listening(QUEUE, "q_feeder.fuse")
            cluster.exchange_is_read("xpublic")
            audit = watch(cluster)
            cluster.post("alice", tmp_path / "tree", source).finish(60)
            for amount in (FILES // 4, FILES // 2):
                carol.wait(amount)
                broker.kill()
                broker.start()
            carol.wait(FILES)
            cluster.settled("ingest", QUEUE)
            cluster.settled("fuse", "q_feeder.fuse")
            assert audit.check()["delivered"] == FILES
    assert Counter(carol.names) == Counter(path.name for path in (tmp_path / "tree").iterdir())
