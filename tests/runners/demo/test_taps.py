import pytest
from brokers import Vhost, eventually

from winnowry.runners.demo.taps import Sighting, Taps

BODY = b'{"pubTime": "20260101T000000.5", "baseUrl": "file:", "relPath": "x/a", "originPath": "a", "size": 3, "more": 1}'


@pytest.mark.e2e
def test_a_tap_keeps_what_crosses_its_exchange(vhost: Vhost) -> None:
    vhost.add_exchange("xs_alice")
    vhost.add_exchange("xpublic")
    with Taps(vhost.url, ["xs_alice", "xpublic"]) as taps:
        vhost.publish("xs_alice", "v03.a", BODY, BODY)
        eventually(lambda: taps.count("xs_alice") == 2, what="the second announcement")
        assert taps.count("xpublic") == 0
        read = taps.read("xs_alice")
        assert read == 2 * [Sighting(rel_path="x/a", pub_time="20260101T000000.5", origin_path="a", size=3)]
        assert (read[0].path, read[0].kind) == ("a", "file")
        assert taps.count("xs_alice") == 0
    assert vhost.broker.queues(vhost.name) == []
