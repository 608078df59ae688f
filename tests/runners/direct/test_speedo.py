from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from engines import a_pump
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from relays import ALICE, BOB, DEAD, HEARD, REPORTED, Clock, Died, a_file, a_station, announce, announcement

from winnowry.io.counts import Counts
from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.pipelines.speedo import speedo
from winnowry.runners.direct.engine import DirectEngine
from winnowry.runners.direct.halving import HalvingRounds
from winnowry.runners.direct.speedo import Speedo
from winnowry.runners.engines.desk import BrokerDesk
from winnowry.schemas.errors import DiskTrouble
from winnowry.schemas.post import Post
from winnowry.schemas.rate import Sums, read_rate, standing
from winnowry.schemas.reasons import Reason
from winnowry.schemas.report import Report
from winnowry.schemas.v03 import write_report

Figures = dict[tuple[str, str, str], Sums]


@cache
def compiled_rounds() -> HalvingRounds:
    """Return rounds that all lives share: to compile them takes longer than to run them."""
    with TemporaryDirectory() as folder:
        pump = a_pump("speedo", Path(folder))
    return HalvingRounds(lambda root: speedo(root, pump))


class Life:
    """One life of a speedo with windows of ten seconds; ``turn`` works until there is nothing more to do."""

    def __init__(self, server: FakeExchangeServer, folder: Path, clock: Clock, **settings: Any) -> None:
        self.broker = FakeBroker(server)
        self.pump = a_pump("speedo", folder, window=timedelta(seconds=10))
        self.counts = Counts(folder / "counts")
        keep = settings.pop("keep", 5000)
        own = settings.pop("own_rounds", False) or "twice" in settings
        self.engine = DirectEngine(
            self.pump,
            speedo,
            source=self.broker,
            target=self.broker,
            desk=BrokerDesk(self.pump, "feeder", clock),
            speedo=Speedo(self.pump, self.counts, self.broker, keep=keep, clock=clock),
            limit=settings.pop("limit", 100),
            prefetch=keep,
            rounds=None if own else compiled_rounds(),
            clock=clock,
            **settings,
        )
        self.engine.begin()

    def turn(self) -> None:
        while self.engine.turn():
            pass
        self.engine.turn()

    def die(self) -> None:
        """Let go of everything, as a killed process does."""
        self.broker.close()
        self.counts.close()


Begin = Callable[..., Life]


@pytest.fixture
def server() -> FakeExchangeServer:
    return a_station()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def begin(server: FakeExchangeServer, tmp_path: Path, clock: Clock) -> Iterator[Begin]:
    lives: list[Life] = []

    def live(**settings: Any) -> Life:
        lives.append(Life(server, tmp_path, clock, **settings))
        return lives[-1]

    yield live
    for life in lives:
        life.die()


def told(server: FakeExchangeServer) -> Figures:
    """Return the figures that stand, by window, dimension and key."""
    rates = standing([read_rate(body) for body in server.bodies(HEARD)])
    return {(rate.begin[9:15], rate.dimension, rate.key): rate.sums for rate in rates}


def totals(server: FakeExchangeServer) -> tuple[int, int]:
    """Return how many messages and bytes were told, all windows together."""
    sums = sum((found for (_, dimension, _), found in told(server).items() if dimension == "all"), start=Sums())
    return sums.good + sums.bad, sums.good_bytes + sums.bad_bytes


def send(server: FakeExchangeServer, body: bytes) -> None:
    """Publish a body where Alice's Posts are."""
    broker = FakeBroker(server)
    broker.publish([(None, replace(announcement(a_file("a", "1"), ALICE), body=body))], lambda _: None)
    broker.close()


def report(server: FakeExchangeServer, post: Post, code: int) -> None:
    """Publish Carol's Report on a Post."""
    send(server, write_report(post, Report(code=code, user="carol")))


def test_posts_and_reports_are_told_per_source_per_consumer_and_for_all(
    server: FakeExchangeServer, begin: Begin, clock: Clock
) -> None:
    clock.now += 2
    life = begin()
    announce(server, a_file("a", "1", 1, source="alice"))
    announce(server, a_file("b", "1", 1.5, source="bob"), BOB)
    report(server, a_file("c", "1", source="alice"), 201)
    report(server, a_file("d", "1", source="alice"), 499)
    life.turn()
    assert server.bodies(HEARD) == []
    clock.now += 8
    life.turn()
    late = {"lag_sum": 5_000_000, "lag_max": 2_000_000}
    assert told(server) == {
        ("000000", "all", ""): Sums(good=3, bad=1, good_bytes=3, bad_bytes=1, lag_sum=5_500_000, lag_max=2_000_000),
        ("000000", "source", "alice"): Sums(good=2, bad=1, good_bytes=2, bad_bytes=1, **late),
        ("000000", "source", "bob"): Sums(good=1, good_bytes=1, lag_sum=500_000, lag_max=500_000),
        ("000000", "consumer", "carol"): Sums(good=1, bad=1, good_bytes=1, bad_bytes=1, lag_sum=4_000_000, lag_max=2_000_000),
    }


def test_a_window_is_told_once_and_while_nothing_comes(server: FakeExchangeServer, begin: Begin, clock: Clock) -> None:
    life = begin()
    for at in (0, 9.9, 0.2):
        clock.now += at
        announce(server, a_file(f"{at}", "1"))
        life.turn()
    assert [(read_rate(body).begin[9:15], read_rate(body).good) for body in server.bodies(HEARD)] == [("000000", 2)]
    clock.now += 10
    life.turn()
    life.turn()
    assert [(read_rate(body).begin[9:15], read_rate(body).good) for body in server.bodies(HEARD)][1:] == [("000010", 1)]


def test_what_is_counted_is_settled_and_neither_reported_nor_kept(server: FakeExchangeServer, begin: Begin) -> None:
    announce(server, a_file("a", "1"))
    life = begin()
    life.turn()
    assert life.engine.status()["outcomes"] == {"delivered:done": 1}
    assert (server.bodies(ALICE.queue), server.bodies(REPORTED), server.bodies(DEAD)) == ([], [], [])


def test_what_is_no_message_is_a_dead_letter_and_not_counted(server: FakeExchangeServer, begin: Begin, clock: Clock) -> None:
    send(server, b"nothing")
    announce(server, a_file("a", "1"))
    life = begin()
    life.turn()
    clock.now += 10
    life.turn()
    assert (totals(server), server.bodies(DEAD)) == ((1, 1), [b"nothing"])


def test_a_round_that_is_run_twice_counts_once(server: FakeExchangeServer, begin: Begin, clock: Clock) -> None:
    for number in range(20):
        announce(server, a_file(f"{number}", "1"))
    life = begin(twice=True)
    life.turn()
    clock.now += 10
    life.turn()
    assert totals(server) == (20, 20)


def test_nothing_is_settled_before_it_is_counted(
    server: FakeExchangeServer, begin: Begin, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise DiskTrouble(Reason.DISK_FULL)

    for number in range(30):
        announce(server, a_file(f"{number}", "1"))
    life = begin(limit=10)
    with monkeypatch.context() as patched:
        patched.setattr(Counts, "add", fails)
        life.turn()
    life.die()
    assert len(server.bodies(ALICE.queue)) == 30
    again = begin()
    again.turn()
    clock.now += 10
    again.turn()
    assert totals(server) == (30, 30)


def test_what_our_disk_refuses_is_counted_later(
    server: FakeExchangeServer, begin: Begin, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise DiskTrouble(Reason.DISK_FULL)

    announce(server, a_file("a", "1"))
    life = begin()
    with monkeypatch.context() as patched:
        patched.setattr(Counts, "add", fails)
        life.turn()
    clock.now += 1
    life.turn()
    with monkeypatch.context() as patched:
        patched.setattr(Counts, "told", fails)
        clock.now += 10
        life.turn()
    clock.now += 1
    life.turn()
    assert (totals(server), server.bodies(ALICE.queue), life.counts.over(2**63, 9)) == ((1, 1), [], [])


@pytest.mark.parametrize("settled", [False, True])
def test_what_comes_again_after_a_death_is_counted_once(
    server: FakeExchangeServer, begin: Begin, clock: Clock, settled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        announce(server, a_file(f"{number}", "1"))
    life = begin(limit=10)
    settle = FakeBroker.settle

    def dies(broker: FakeBroker, deliveries: Any) -> None:
        if settled:
            settle(broker, deliveries)
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(FakeBroker, "settle", dies)
        with pytest.raises(Died):
            life.turn()
    life.die()
    assert len(server.bodies(ALICE.queue)) == (20 if settled else 30)
    again = begin()
    again.turn()
    clock.now += 10
    again.turn()
    assert totals(server) == (30, 30)


def test_twins_are_two_messages_also_when_the_process_dies_between_them(
    server: FakeExchangeServer, begin: Begin, clock: Clock
) -> None:
    for number in (*range(40), *range(40)):
        announce(server, a_file(f"{number}", "1"))
    life = begin(limit=50, keep=30)
    life.engine.turn()
    life.die()
    again = begin(keep=30)
    again.turn()
    clock.now += 10
    again.turn()
    assert totals(server) == (80, 80)


def test_a_window_that_was_told_and_not_noted_is_told_again_alike(
    server: FakeExchangeServer, begin: Begin, clock: Clock
) -> None:
    announce(server, a_file("a", "1"))
    life = begin()
    life.turn()
    clock.now += 10
    life.engine.turn()
    life.die()
    assert len(server.bodies(HEARD)) == 1
    begin().turn()
    first, second = server.bodies(HEARD)
    assert first == second


def test_a_connection_that_breaks_before_the_settling_counts_nothing_twice(
    server: FakeExchangeServer, begin: Begin, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        announce(server, a_file(f"{number}", "1"))
    life = begin(limit=10)
    settle = FakeBroker.settle

    def breaks(broker: FakeBroker, deliveries: Any) -> None:
        broker.drop()
        settle(broker, deliveries)

    with monkeypatch.context() as patched:
        patched.setattr(FakeBroker, "settle", breaks)
        life.engine.turn()
    life.turn()
    clock.now += 10
    life.turn()
    assert (totals(server), server.bodies(ALICE.queue)) == ((30, 30), [])


def test_what_is_given_back_and_comes_again_is_counted(server: FakeExchangeServer, begin: Begin, clock: Clock) -> None:
    for number in range(30):
        announce(server, a_file(f"{number % 3}", "1"))
    life = begin(limit=10, own_rounds=True)
    life.engine.turn()
    life.engine.stop()
    life.engine.run()
    life.die()
    again = begin()
    again.turn()
    clock.now += 10
    again.turn()
    assert totals(server) == (30, 30)


def test_a_clock_that_is_set_back_adds_to_a_window_that_was_told(
    server: FakeExchangeServer, begin: Begin, clock: Clock
) -> None:
    life = begin()
    announce(server, a_file("a", "1", source="alice"))
    life.turn()
    clock.now += 10
    life.turn()
    clock.now -= 9
    announce(server, a_file("b", "1", source="bob"))
    life.turn()
    clock.now += 9
    life.turn()
    assert [read_rate(body).good for body in server.bodies(HEARD)] == [1, 1, 2, 1, 1]
    assert told(server)["000000", "source", "alice"].good == 1


def test_rates_that_nobody_takes_now_are_told_later(server: FakeExchangeServer, begin: Begin, clock: Clock) -> None:
    announce(server, a_file("a", "1"))
    life = begin()
    life.turn()
    server.full.add(HEARD)
    clock.now += 10
    life.turn()
    server.full.clear()
    life.turn()
    assert server.bodies(HEARD) == []
    clock.now += 1.5
    life.turn()
    assert totals(server) == (1, 1)


@settings(max_examples=30)
@given(deeds=st.lists(st.sampled_from(("announce", "announce", "turn", "die", "break", "wait")), max_size=20))
def test_whatever_dies_or_breaks_the_sums_are_what_passed(deeds: list[str]) -> None:
    server, clock, published = a_station(), Clock(), 0
    with TemporaryDirectory() as folder:
        life = Life(server, Path(folder), clock, limit=5)
        for deed in deeds:
            match deed:
                case "announce":
                    published += 7
                    for number in range(published - 7, published):
                        announce(server, a_file(f"{number}", "1"), BOB if number % 3 else ALICE)
                case "turn":
                    life.engine.turn()
                case "die":
                    life.die()
                    life = Life(server, Path(folder), clock, limit=5)
                case "break":
                    life.broker.drop()
                case "wait":
                    clock.now += 7
        life.turn()
        clock.now += 20
        life.turn()
        life.die()
    assert totals(server) == (published, published)
