"""`winnowry run` with a Flink of its own."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from brokers import Vhost
from chains import names_of
from clusters import Cluster
from flink_jars import JARS
from relays import a_file, announcement

from winnowry.schemas.edge import InputEdge

pytestmark = [pytest.mark.flink, pytest.mark.e2e, pytest.mark.timeout(600)]

SECONDS = 250.0
EDGE = InputEdge(kind="internal", queue="q_feeder.fuse", exchange="xwinnow")


@pytest.mark.long
def test_a_run_ends_when_it_is_idle_and_the_next_one_remembers_what_it_has_let_through(vhost: Vhost, tmp_path: Path) -> None:
    known, new = names_of(200), names_of(50, first=200)
    vhost.queue(EDGE.queue, "")
    with Cluster(vhost, tmp_path, exchanges=("xwinnow", "xpublic")) as cluster:
        vhost.queue("q_heard", "xpublic")
        cluster.write(
            "fuse: {kind: winnow, from: xwinnow, to: xpublic}",
            exchanges="[xwinnow]",
            engine=f"{{name: flink, jars: {JARS}, checkpoints: 1s}}",
        )

        def run(names: list[str]) -> Counter[str]:
            """Return what is heard of these announcements."""
            vhost.publish("", EDGE.queue, *(announcement(a_file(name, name), EDGE).body for name in names))
            cluster.start(until_idle=True).finish(SECONDS)
            assert vhost.depth(EDGE.queue) == 0
            return Counter(msgspec.json.decode(body)["relPath"] for body in vhost.take("q_heard", vhost.depth("q_heard")))

        assert run([*known, *known]) == Counter(known)
        assert run([*known, *new]) == Counter(new)
