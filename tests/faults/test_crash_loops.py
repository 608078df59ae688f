"""A message that kills the process, rather than raise in a step, is given up after three crashes; the others go on."""

import json
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from brokers import Vhost, eventually
from clusters import Cluster
from poisoned import POISON

from winnowry.io.amqp import AmqpSettings
from winnowry.io.amqp.browse import browse
from winnowry.io.dead import read_letter
from winnowry.runners.demo.taps import Taps
from winnowry.runners.servers.owned import Owned
from winnowry.schemas.times import write_time

pytestmark = pytest.mark.e2e

GOOD = 200
POISONED = (40, 150)
QUEUE = "q_feeder.fuse"
PROGRAM = Path(__file__).parents[1] / "support" / "poisoned.py"


def body(number: int) -> bytes:
    path = POISON.decode() if number in POISONED else "good"
    fields = {"baseUrl": "https://example.org/", "relPath": f"{path}/{number}", "size": 1}
    return json.dumps({"pubTime": write_time(time.time_ns()), **fields}).encode()


@pytest.mark.long
def test_a_message_that_crashes_the_pump_three_times_is_a_dead_letter_and_harms_no_other(vhost: Vhost, tmp_path: Path) -> None:
    with Cluster(vhost, tmp_path, exchanges=("xs", "xpublic")) as cluster, Taps(vhost.url, ["xpublic"]) as taps:
        cluster.write("fuse: {kind: winnow, from: xs, to: xpublic}", exchanges="[xs]")
        vhost.queue(QUEUE, "xs")
        vhost.publish("xs", "v03.a", *(body(number) for number in range(GOOD)))
        log = tmp_path / "poisoned.log"
        running = Owned([sys.executable, str(PROGRAM), "supervise", str(cluster.file), "fuse"], log=log)
        try:
            eventually(lambda: taps.count("xpublic") >= GOOD - len(POISONED), 120, "the passing of everything good")
            status = cluster.settled("fuse", QUEUE)
        finally:
            running.stop(40)
        letters = [read_letter(held) for held in browse(AmqpSettings(urls=(vhost.url,)), f"{QUEUE}.dead")]
        announced = Counter(sighting.path for sighting in taps.read("xpublic"))
    assert sorted(json.loads(letter.message.body)["relPath"] for letter in letters) == ["poison/150", "poison/40"]
    assert {(letter.ending, letter.reason) for letter in letters} == {("failed", "crashed")}
    assert announced.keys() == {f"good/{number}" for number in range(GOOD) if number not in POISONED}
    assert status["outcomes"].keys() <= {"announced:done", "repeat:known_content", "failed:crashed"}
    assert 3 <= log.read_text().count("a pump died") <= 3 * len(POISONED), log.read_text()
