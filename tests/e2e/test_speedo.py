import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from brokers import Vhost, eventually
from clusters import Cluster, child
from rates import Rates

from winnowry.schemas.times import write_time

pytestmark = pytest.mark.e2e

QUEUES = ("q_feeder.count.xpublic", "q_feeder.count.xl_carol")
TOLD_WITHIN = 3.0
"""Seconds after the end of a window in which its Rates come."""


def a_post(number: int, source: str = "alice") -> bytes:
    fields = {"pubTime": write_time(time.time_ns()), "baseUrl": "http://example.org/", "relPath": f"a/{number}"}
    return json.dumps({**fields, "source": source, "size": number}).encode()


def a_report(number: int, code: int) -> bytes:
    report = {"code": code, "timeCompleted": write_time(time.time_ns()), "message": "", "user": "carol"}
    return json.dumps({**json.loads(a_post(number)), "report": report}).encode()


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster with a speedo whose windows are two seconds long, and that nobody has started."""
    with Cluster(vhost, tmp_path, exchanges=("xpublic", "xrates", "xl_carol"), accounts=()) as made:
        pump = "count: {kind: speedo, from: [xpublic, xl_carol], to: xrates, window: 2s, prefetch: 100}"
        made.write(pump, exchanges="[xpublic]", users="{carol: {role: consumer}}")
        yield made


def test_windows_are_told_soon_after_their_end_while_the_pump_runs(cluster: Cluster, vhost: Vhost) -> None:
    with Rates(vhost.url, "xrates") as rates:
        cluster.start()
        cluster.listening(*QUEUES)
        for number in range(1, 5):
            vhost.publish("xpublic", "v03.a", a_post(number), a_post(number, "bob"))
            vhost.publish("xl_carol", "v03.a", a_report(number, 201), a_report(number, 499))
            eventually(lambda number=number: rates.total().good + rates.total().bad == 4 * number, what="their telling")
        eventually(lambda: len(rates.lateness) >= 4 * 4, what="the rest of the last window")
    assert min(rates.lateness) >= 0
    assert median(rates.lateness) < TOLD_WITHIN
    sums = {(dimension, key): rates.total(dimension, key) for dimension, key in rates.keys}
    bare = {whose: (found.good, found.bad, found.good_bytes, found.bad_bytes) for whose, found in sums.items()}
    assert bare == {
        ("all", ""): (12, 4, 30, 10),
        ("source", "alice"): (8, 4, 20, 10),
        ("source", "bob"): (4, 0, 10, 0),
        ("consumer", "carol"): (4, 4, 10, 10),
    }


def test_a_speedo_that_is_killed_amid_its_work_tells_exactly_what_passed(cluster: Cluster, vhost: Vhost) -> None:
    """Half of the messages are there twice, byte for byte, and not far apart."""
    waves = [[a_post(number) for number in range(wave, wave + 1000)] for wave in (0, 1000, 2000)]
    published, unsettled = 0, 0
    with Rates(vhost.url, "xrates") as rates:
        running = cluster.start()
        cluster.listening(QUEUES[0])
        for wave in waves:
            process = child(running, "count")
            os.kill(process, signal.SIGSTOP)
            vhost.publish("xpublic", "v03.a", *wave, *wave[::2])
            published += len(wave) * 3 // 2
            os.kill(process, signal.SIGCONT)
            eventually(lambda: vhost.depth(QUEUES[0]) < 1000, what="some counting")
            unsettled += cluster.kill_amid(running, "count", *QUEUES)
            cluster.until("count", lambda status: status["state"] == "running")
        cluster.settled("count", QUEUES[0])
        eventually(lambda: rates.total().good >= published, what="the telling of all windows")
        eventually(lambda: rates.total("source", "alice") == rates.total(), what="the rest of the last window")
    assert unsettled > 0, "it had settled everything before it could be killed"
    size = sum(json.loads(body)["size"] for wave in waves for body in (*wave, *wave[::2]))
    found = rates.total()
    assert (found.good, found.bad, found.good_bytes, found.bad_bytes) == (published, 0, size, 0)
