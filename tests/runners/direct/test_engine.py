from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from apache_beam.pvalue import PCollection
from engines import Station, a_pump, a_real_file
from pools import files_in
from relays import ALICE, BOB, DEAD, HEARD, REPORTED, a_file, a_station, announce, said

from winnowry.io.broker import Queue, Topology
from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.edge import OutputEdge
from winnowry.schemas.errors import DiskTrouble
from winnowry.schemas.outcome import Outcome
from winnowry.transforms.branch import branch
from winnowry.transforms.decode import Decode
from winnowry.transforms.encode import Encode
from winnowry.transforms.patience import Patience

Begin = Callable[..., Station]


@pytest.fixture
def server() -> FakeExchangeServer:
    return a_station()


@pytest.fixture
def begin(server: FakeExchangeServer, tmp_path: Path) -> Iterator[Begin]:
    begun: list[Station] = []

    def one(kind: str, *, pipeline: Any = None, twice: bool = False, **settings: Any) -> Station:
        begun.append(Station(server, tmp_path, a_pump(kind, tmp_path, **settings), pipeline, twice=twice))
        return begun[-1]

    yield one
    for station in begun:
        station.close()


def offer(server: FakeExchangeServer, folder: Path) -> None:
    """Announce files of all fates: new, said by both, changed, sent twice, older, corrupt, missing, refused, unreadable."""
    (folder / "source").mkdir(exist_ok=True)
    first = a_real_file(folder, "a/1", b"one")
    gone = a_real_file(folder, "gone", b"gone")
    (folder / "source" / "gone").unlink()
    for post, edge in [
        (first, ALICE),
        (first, BOB),
        (first, ALICE),
        (a_real_file(folder, "a/2", b"two", 5), ALICE),
        (a_real_file(folder, "a/2", b"two", 1), ALICE),
        (a_real_file(folder, "b", b""), BOB),
        (a_real_file(folder, "bad", b"right", announced=b"wrong"), ALICE),
        (gone, BOB),
        (a_file("../up", "1", base_url=f"file:{folder}/source/"), ALICE),
        (a_file("d", "", file_op={"directory": ""}), BOB),
    ]:
        announce(server, post, edge)


@pytest.mark.parametrize("kind", ["shovel", "winnow", "sarra", "subscribe"])
def test_a_round_run_twice_ends_as_a_round_run_once(kind: str, tmp_path: Path) -> None:
    results = []
    for name, twice in (("once", False), ("twice", True)):
        (folder := tmp_path / name).mkdir()
        server = a_station()
        station = Station(server, folder, a_pump(kind, folder, patience=Patience(delays=(600.0,))), twice=twice)
        offer(server, folder)
        status = station.run()
        files = {path: (folder / "root" / path).read_bytes() for path in files_in(folder / "root")}
        results.append((status["outcomes"], sorted(said(server.bodies(HEARD))), files))
        station.close()
    assert results[0] == results[1]


def test_sarra_brings_what_is_announced_and_tells_everybody(server: FakeExchangeServer, begin: Begin, tmp_path: Path) -> None:
    station = begin("sarra", patience=Patience(delays=(600.0,)))
    offer(server, tmp_path)
    outcomes = station.run()["outcomes"]
    assert outcomes == {
        "announced:done": 3,
        "announced:operation_done": 1,
        "repeat:known_content": 2,
        "refused:superseded": 1,
        "refused:path_outside_root": 1,
        "retried:checksum_mismatch": 1,
        "retried:not_found": 1,
    }
    assert files_in(tmp_path / "root") == ["a/1", "a/2", "b"]
    assert sorted(path for path, _ in said(server.bodies(HEARD))) == ["a/1", "a/2", "b", "d"]
    assert len(server.bodies(REPORTED)) == 8


def test_what_keeps_failing_ends_as_a_dead_letter(server: FakeExchangeServer, begin: Begin, tmp_path: Path) -> None:
    station = begin("subscribe")
    announce(server, a_real_file(tmp_path, "bad", b"right", announced=b"wrong"))

    def wait() -> None:
        if station.engine.status()["later"]:
            station.clock.now += 10

    outcomes = station.run(wait)["outcomes"]
    assert outcomes == {"retried:checksum_mismatch": 2, "failed:checksum_mismatch": 1}
    assert (len(server.bodies(DEAD)), files_in(tmp_path / "root")) == (1, [])


def test_winnow_lets_one_of_each_through(server: FakeExchangeServer, begin: Begin) -> None:
    station = begin("winnow")
    for number in range(150):
        for edge in (ALICE, BOB):
            announce(server, a_file(f"f/{number}", "1"), edge)
    outcomes = station.run()["outcomes"]
    assert outcomes == {"announced:done": 150, "repeat:known_content": 150}
    assert said(server.bodies(HEARD)) == [(f"f/{number}", "1") for number in range(150)]


def test_a_lost_connection_loses_nothing_and_doubles_nothing(server: FakeExchangeServer, begin: Begin) -> None:
    station = begin("winnow")
    for number in range(30):
        announce(server, a_file(f"f/{number}", "1"))
    drops = [station.broker.drop, server.unblock, station.broker.drop]
    server.block()
    station.run(watch=lambda: drops.pop(0)() if drops else None)
    assert sorted(said(server.bodies(HEARD))) == sorted((f"f/{number}", "1") for number in range(30))
    station.close()
    assert server.bodies(ALICE.queue) == []


def raises_at(arrival: Arrival, path: str) -> Arrival | Outcome:
    if arrival.post.rel_path == path:
        raise ValueError("no such thing")
    return arrival


def brittle(root: PCollection, pump: Pump) -> Outcomes:
    """A winnow with a step of somebody's own that raises, after the sieve."""
    arrivals, unreadable = root | Decode(inputs=pump.inputs)
    news, known = arrivals | pump.memory.winnow()
    fine, broken = branch(news, partial(raises_at, path="f/7"))
    return unreadable, known, broken, fine | Encode(routes=pump.routes)


def test_one_bad_message_harms_no_other(server: FakeExchangeServer, begin: Begin) -> None:
    station = begin("winnow", pipeline=brittle)
    for number in range(20):
        announce(server, a_file(f"f/{number}", "1"))
    assert station.run()["outcomes"] == {"announced:done": 19, "failed:bug": 1}
    assert (len(server.bodies(DEAD)), len(server.bodies(HEARD))) == (1, 19)
    assert b"f/7" in server.bodies(DEAD)[0]


def test_the_path_of_a_bad_message_is_not_blocked_by_it(server: FakeExchangeServer, begin: Begin) -> None:
    station = begin("winnow", pipeline=brittle)
    for edge in (ALICE, BOB):
        announce(server, a_file("f/7", "1"), edge)
    status = station.run()
    assert (status["outcomes"], status["parked"]) == ({"failed:bug": 2}, 0)


def test_a_pump_ends_when_its_damaged_memory_is_to_be_begun_anew_and_keeps_its_deliveries(
    server: FakeExchangeServer, begin: Begin
) -> None:
    station = begin("winnow")
    announce(server, a_file("f", "1"))
    server.block()
    assert station.engine._memory is not None
    with pytest.raises(DiskTrouble, match="everybody leaves"):
        station.run(station.engine._memory._leaving._write)
    station.close()
    assert said(server.bodies(ALICE.queue)) == [("f", "1")]


def test_a_hold_gives_back_what_has_not_begun_and_lifting_it_goes_on(server: FakeExchangeServer, begin: Begin) -> None:
    station = begin("shovel")
    seen: list[tuple[str, int]] = []

    def watch() -> None:
        status = station.engine.status()
        seen.append((status["state"], len(server.bodies(ALICE.queue))))
        if status["state"] == "held" and len(seen) > 2:
            station.engine.lift()

    station.engine.hold("disk full", by="test")
    for number in range(5):
        announce(server, a_file(f"f/{number}", "1"))
    status = station.run(watch)
    assert seen[:3] == [("held", 5), ("held", 5), ("held", 5)]
    assert (status["state"], status["outcomes"]) == ("running", {"announced:done": 5})


def unheard_at_first(server: FakeExchangeServer) -> Callable[[], None]:
    """Make an exchange that nobody listens to, and return what makes somebody listen: until then nothing is confirmed."""
    FakeBroker(server).declare(Topology(exchanges=("xinner",)))
    return lambda: FakeBroker(server).declare(Topology(queues=(Queue(name="q_inner", bindings=(("xinner", "#"),)),)))


def test_a_hold_finishes_what_is_underway(server: FakeExchangeServer, begin: Begin) -> None:
    listen = unheard_at_first(server)
    station = begin("winnow", public=OutputEdge(exchange="xinner"))
    for edge in (ALICE, BOB):
        announce(server, a_file("f", "1"), edge)
    both = {"announced:done": 1, "repeat:known_content": 1}
    seen: list[tuple[str, int]] = []

    def watch() -> None:
        status = station.engine.status()
        seen.append((status["state"], status["outcomes"].get("announced:done", 0)))
        if status["parked"] and status["state"] == "running":
            station.engine.hold("maintenance")
            announce(server, a_file("late", "1"))
        elif status["parked"]:
            listen()
        elif status["outcomes"] == both:
            station.engine.lift()

    outcomes = station.run(watch)["outcomes"]
    assert ("held", 1) in seen
    assert outcomes == both | {"announced:done": 2}


def test_draining_finishes_what_is_underway_and_gives_back_the_rest(server: FakeExchangeServer, begin: Begin) -> None:
    listen = unheard_at_first(server)
    station = begin("winnow", public=OutputEdge(exchange="xinner"))
    for edge in (ALICE, BOB):
        announce(server, a_file("f", "1"), edge)

    def stop() -> None:
        if station.engine.status()["parked"]:
            station.engine.stop()
            station.clock.now += 2  # nobody passes the time of an engine that drains
            listen()
            announce(server, a_file("late", "1"))

    status = station.run(stop)
    assert status["outcomes"]["repeat:known_content"] == 1
    assert (status["state"], status["unsettled"], status["waiting"]) == ("draining", 0, 0)
    station.close()
    left = [path for path, _ in said(server.bodies(ALICE.queue))]
    assert sorted(left + [path for path, _ in said(server.bodies("q_inner"))]) == ["f", "late"]


def test_nobody_listening_inside_is_waited_for(server: FakeExchangeServer, begin: Begin) -> None:
    listen = unheard_at_first(server)
    station = begin("shovel", public=OutputEdge(exchange="xinner"))
    announce(server, a_file("f", "1"))
    unheard: list[int] = []

    def watch() -> None:
        unheard.append(station.engine.status()["unheard"])
        if len(unheard) == 5:
            listen()

    status = station.run(watch)
    assert (max(unheard), status["unheard"], status["outcomes"]) == (1, 0, {"announced:done": 1})
    assert said(server.bodies("q_inner")) == [("f", "1")]


def test_a_pump_that_took_long_to_get_ready_is_not_idle_before_anything_can_have_come(
    server: FakeExchangeServer, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(server, a_file("a/1", "one"))
    station, coming = begin("winnow"), []
    consume = station.broker.consume

    def consume_slowly(queue: str, prefetch: int, deliver: Callable[[Delivery], None]) -> None:
        consume(queue, prefetch, lambda delivery: coming.append(partial(deliver, delivery)))

    def come() -> None:
        while coming:
            coming.pop()()

    monkeypatch.setattr(station.broker, "consume", consume_slowly)
    station.clock.now += 10
    assert station.run(come)["outcomes"] == {"announced:done": 1}
