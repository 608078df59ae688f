"""What becomes of pumps when somebody sets the clock: nothing is lost, nothing waits for long, and memory stays what it was."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from arrivals import a_delivery
from audits import watch
from brokers import Vhost, eventually
from clusters import Cluster
from courses import Course, a_served_file, digests, once
from relays import BOB, HEARD, Clock, Relay, a_file, a_station, announce, said
from scripted import scripted, serving, status

from winnowry.io.later_store import LaterStore
from winnowry.runners.engines.inlet import Inlet
from winnowry.runners.engines.later import StoreLater
from winnowry.runners.servers.owned import Owned
from winnowry.schemas.reasons import Reason
from winnowry.schemas.v03 import write_v03

HOUR, DAY = 3600.0, 86_400.0
JUMPS = [HOUR, -HOUR, 5 * DAY, -5 * DAY]


@pytest.mark.parametrize("jump", JUMPS)
def test_what_is_tried_later_is_neither_lost_nor_stuck_when_the_clock_jumps(jump: float, tmp_path: Path) -> None:
    with scripted() as (script, server), Course(tmp_path) as course:
        script.plays("file", status(500), status(500), serving(b"content"))
        course.announce(a_served_file(server.url, "file", b"content"))
        set_at: list[float] = []

        def set_clock() -> None:
            course.clock.now += jump
            set_at.append(course.clock.now)

        outcomes = course.run(once(lambda: course.retried("server_error") == 1, set_clock))
        assert outcomes == {"retried:server_error": 2, "announced:done": 1}
        assert course.shown() == digests(file=b"content")
        assert course.clock.now - set_at[0] < 60, "it waited for more than its delays"


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("restarted", [False, True])
def test_what_a_consumer_keeps_for_later_comes_back_when_the_clock_jumps(jump: float, restarted: bool, tmp_path: Path) -> None:
    clock = Clock()
    store = LaterStore(tmp_path / "later.sqlite")
    store.postpone([(a_delivery(), 10.0, Reason.UNREACHABLE)], int(clock() * 1e9))
    later = StoreLater(store, clock_ns=lambda: int(clock() * 1e9))
    inlet = Inlet(clock_ns=lambda: int(clock() * 1e9))
    later.begin(inlet)
    later.bring(inlet)
    assert inlet.waiting == 0
    clock.now += jump
    if restarted:
        store.close()
        later = StoreLater(LaterStore(tmp_path / "later.sqlite"), clock_ns=lambda: int(clock() * 1e9))
        later.begin(inlet)
    clock.now += 10
    later.bring(inlet)
    assert inlet.waiting == 1


@pytest.mark.parametrize("path", [[DAY], [-DAY], [HOUR, -HOUR], [2 * DAY, -2 * DAY], [-HOUR, DAY, -HOUR, HOUR]])
def test_a_memory_knows_what_it_knew_on_whatever_way_over_midnight(path: list[float], tmp_path: Path) -> None:
    server, clock = a_station(), Clock()
    relay = Relay(server, tmp_path, clock=clock)
    announce(server, a_file("f", "1"))
    relay.run()
    for number, jump in enumerate(path, 1):
        clock.now += jump
        announce(server, a_file("f", "1", at=number))
        announce(server, a_file("f", "1"), BOB)
        announce(server, a_file(f"new {number}", "1"))
        relay.run()
    relay.end()
    assert [path for path, _ in said(server.bodies(HEARD))] == ["f", *(f"new {number + 1}" for number in range(len(path)))]


@pytest.mark.parametrize("jump", [HOUR, -HOUR, DAY, -DAY])
def test_an_older_word_is_superseded_whatever_our_clock_says(jump: float, tmp_path: Path) -> None:
    server, clock = a_station(), Clock()
    relay = Relay(server, tmp_path, clock=clock)
    announce(server, a_file("f", "new", at=10))
    relay.run()
    clock.now += jump
    announce(server, a_file("f", "old", at=5))
    announce(server, a_file("f", "newer", at=15))
    relay.run()
    relay.end()
    assert said(server.bodies(HEARD)) == [("f", "new"), ("f", "newer")]


PUMPS = """
ingest: {kind: sarra, from: {sources: [alice]}, to: xpublic, base_url: "http://example.org/", layout: "{source}/{rel_path}",
         attempts: 5, delays: [2s]}
"""


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(vhost, tmp_path, exchanges=("xs_alice", "xpublic"), accounts=("alice",)) as made:
        made.write(PUMPS, users="{alice: {role: source}}")
        yield made


@pytest.mark.e2e
def test_a_pump_goes_on_when_the_clock_of_its_machine_jumps(cluster: Cluster, vhost: Vhost, tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    offset.write_text("0")
    program = Path(__file__).parents[1] / "support" / "jumping_clock.py"
    command = [sys.executable, str(program), str(offset), str(cluster.file), "ingest", "1"]
    pump = Owned(command, log=tmp_path / "child.log", env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]})
    try:
        audit = watch(cluster)
        with scripted() as (script, server):
            cluster.listening("q_feeder.ingest.alice")
            for number, jump in enumerate((-HOUR, HOUR, 0.0), 1):
                script.plays(f"f{number}", status(500), serving(b"content"))
                vhost.publish("xs_alice", "v03", write_v03(a_served_file(server.url, f"f{number}", b"content")))
                cluster.until("ingest", lambda status, n=number: status["outcomes"].get("retried:server_error") == n)
                offset.write_text(str(jump))
                eventually((cluster.data / "alice" / f"f{number}").exists, 60, f"the file after a jump to {jump} s")
            outcomes = cluster.settled("ingest", "q_feeder.ingest.alice")["outcomes"]
            outcomes.pop("repeat:known_content", None)  # what waits for a confirm when an hour jumps by is given back
            assert outcomes == {"retried:server_error": 3, "announced:done": 3}
            audit.check()
    finally:
        pump.stop()
