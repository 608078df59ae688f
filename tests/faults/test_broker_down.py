"""A feeder's broker that is not there when a cluster starts."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from audits import watch
from brokers import Vhost
from chains import CAROL, announce, heard, names_of
from clusters import Cluster
from proxies import Proxy, through

pytestmark = [pytest.mark.e2e, pytest.mark.long]

NAMES = names_of(20)
MORE = names_of(10, first=20)
PUMPS = """
far: {{kind: shovel, from: {{feeder: '{far}', exchange: theirs}}, to: xwinnow}}
near: {{kind: shovel, from: xnear, to: xwinnow}}
fuse: {{kind: winnow, from: xwinnow, to: xpublic}}
"""


def test_a_feeder_that_is_down_at_the_start_is_not_missed_and_heard_when_it_comes(vhost: Vhost, tmp_path: Path) -> None:
    exchanges = ("theirs", "xnear", "xwinnow", "xpublic")
    with Proxy(vhost.broker.port) as way, Cluster(vhost, tmp_path, exchanges=exchanges, accounts=("dd",)) as cluster:
        far = through(way, vhost.broker.url("dd", vhost.name))
        cluster.command.trust(vhost.broker.url("feeder", vhost.name), far)
        vhost.queue("q_dd.far", "theirs")
        vhost.queue(CAROL, "xpublic")
        cluster.write(PUMPS.format(far=far.replace(f":{urlsplit(far).password}@", "@")), exchanges="[xnear]")
        way.shut()
        cluster.start()
        cluster.listening("q_feeder.near", "q_feeder.fuse")
        audit = watch(cluster, "fuse")
        announce(vhost, NAMES, "xnear")
        announce(vhost, NAMES + MORE, "theirs")
        assert heard(vhost, len(NAMES)) == dict.fromkeys(NAMES, 1)
        way.reopen()
        assert heard(vhost, len(MORE)) == dict.fromkeys(MORE, 1)
        outcomes = cluster.settled("far", "q_dd.far")["outcomes"]
        cluster.settled("fuse", "q_feeder.fuse")
        assert (outcomes, vhost.depth(CAROL)) == ({"announced:done": len(NAMES + MORE)}, 0)
        figures = audit.check()
        assert (figures["arrivals"], figures["entered"], figures["announced"]) == (50, 30, 30)
