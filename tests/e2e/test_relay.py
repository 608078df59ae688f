import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from audits import watch
from brokers import Vhost, eventually
from clusters import Cluster

from winnowry.io.amqp import AmqpSettings
from winnowry.io.amqp.browse import browse
from winnowry.io.dead import read_letter
from winnowry.schemas.delivery import Delivery

pytestmark = pytest.mark.e2e

V02 = b"20260101000000.5 http://dd.example.org/ a/b%20c.txt"
V02_HEADERS = {
    "parts": "1,17,1,0,0",
    "sum": "d,d41d8cd98f00b204e9800998ecf8427e",
    "source": "dora",
    "from_cluster": "dd.example.org",
    "mtime": "20260101000000.25",
    "colour": "green",
}
V03 = {
    "pubTime": "20260101T000000.5",
    "baseUrl": "http://dd.example.org/",
    "relPath": "a/b c.txt",
    "source": "dora",
    "from_cluster": "dd.example.org",
    "mtime": "20260101T000000.25",
    "size": 17,
    "identity": {"method": "md5", "value": "1B2M2Y8AsgTpgAmY7PhCfg=="},
    "colour": "green",
}


def odd(path: str, extra: str = "") -> bytes:
    """Return a Post as no program of ours would write it."""
    return f"""  {{ "relPath" :"{path}", "size":"17", "x-colour": [1e3, {{"deep":\tnull}}], "source":"d\\u006fra",
        "pubTime":"20260101T000000.50", "baseUrl":"http://dd.example.org//"{extra} }}\n""".encode()


def taken(vhost: Vhost, queue: str, count: int) -> list[Delivery]:
    """Return what stands in a queue once exactly so many messages do."""
    eventually(lambda: vhost.depth(queue) >= count, what=f"the coming of {count} messages to {queue}")
    return browse(AmqpSettings(urls=(vhost.url,)), queue)


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    exchanges = ("xwinnow", "xpublic", "xprivate", "theirs")
    with Cluster(vhost, tmp_path, exchanges=exchanges, accounts=("ddi",)) as made:
        for exchange in ("xpublic", "xprivate", "xl_feeder"):
            vhost.queue(f"tap_{exchange}", exchange)
        yield made


def test_a_shovel_passes_on_what_a_feeder_announces(cluster: Cluster, vhost: Vhost) -> None:
    cluster.write(f"relay: {{kind: shovel, from: {{feeder: '{cluster.address('ddi')}', exchange: theirs}}, to: xpublic}}")
    cluster.start()
    cluster.listening("q_ddi.relay")
    audit = watch(cluster)
    first, last = odd("a/first"), odd("last", ', "to_clusters": "ALL"')
    vhost.publish("theirs", "v03.some.topic", first)
    vhost.publish("theirs", "v02.post.a", V02, content_type="text/plain", **V02_HEADERS)
    vhost.publish("theirs", "v03", odd("loop", ', "from_cluster": "ddi.example.org"'), odd("secret", ', "private": true'))
    vhost.publish("theirs", "v03", odd("elsewhere", ', "to_clusters": "far.example.org"'), b"nothing", last)
    passed = taken(vhost, "tap_xpublic", 3)
    assert [(delivery.body, delivery.routing_key) for delivery in (passed[0], passed[2])] == [
        (first, "v03.some.topic"),
        (last, "v03"),
    ]
    assert json.loads(passed[1].body) == V03
    assert (passed[1].routing_key, passed[1].content_type, passed[1].headers) == ("v03.a", "application/json", {})
    assert cluster.settled("relay", "q_ddi.relay")["outcomes"] == {
        "announced:done": 3,
        "refused:from_ourselves": 1,
        "refused:private_without_edge": 1,
        "refused:no_destination": 1,
        "malformed:body_unreadable": 1,
    }
    letters = [read_letter(held).reason for held in taken(vhost, "q_feeder.relay.dead", 2)]
    assert letters == ["private_without_edge", "body_unreadable"]
    assert (vhost.depth("tap_xprivate"), vhost.depth("tap_xl_feeder")) == (0, 0)
    figures = audit.check()
    assert (figures["announced"], figures["refused"], figures["malformed"], figures["silent"]) == (3, 1, 1, 2)


def test_private_posts_leave_by_the_private_edge_alone(cluster: Cluster, vhost: Vhost) -> None:
    cluster.write(
        """
        open: {kind: shovel, from: xwinnow, to: xpublic}
        both: {kind: shovel, from: xwinnow, to: {public: xpublic, private: xprivate}}
        """,
        exchanges="[xwinnow]",
    )
    cluster.start()
    cluster.listening("q_feeder.open", "q_feeder.both")
    audit = watch(cluster)
    secret, known = odd("a/secret", ', "private": true'), odd("a/known")
    vhost.publish("xwinnow", "v03.a", secret, known)
    assert [delivery.body for delivery in taken(vhost, "tap_xprivate", 1)] == [secret]
    assert [delivery.body for delivery in taken(vhost, "tap_xpublic", 2)] == [known, known]
    (report,) = (json.loads(delivery.body) for delivery in taken(vhost, "tap_xl_feeder", 1))
    assert (report["relPath"], report["report"]["ending"], report["report"]["reason"]) == (
        "a/secret",
        "refused",
        "private_without_edge",
    )
    figures = audit.check()
    assert (figures["announced"], figures["refused"]) == (3, 1)


def test_a_pump_whose_queue_is_quorum_keeps_later_work_and_dead_letters_in_such_queues(cluster: Cluster, vhost: Vhost) -> None:
    cluster.write("relay: {kind: shovel, from: xwinnow, to: xpublic, queue: quorum}", exchanges="[xwinnow]")
    cluster.start()
    cluster.listening("q_feeder.relay", "q_feeder.relay.later.600")
    vhost.publish("xwinnow", "v03.a", b"nothing")
    assert [letter.body for letter in taken(vhost, "q_feeder.relay.dead", 1)] == [b"nothing"]
    kinds = {queue["name"]: queue["type"] for queue in vhost.broker.queues(vhost.name) if not queue["name"].startswith("tap_")}
    kept = ("", ".later.1", ".later.10", ".later.60", ".later.600", ".dead")
    assert kinds == {f"q_feeder.relay{ending}": "quorum" for ending in kept}
