from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from relays import (
    ALICE,
    BOB,
    DEAD,
    HEARD,
    OUT,
    REPORTED,
    ROUTES,
    Clock,
    Log,
    Relay,
    a_file,
    a_station,
    announce,
    announcement,
    live,
    said,
    winnowed,
)

from winnowry.io.broker import Queue, Topology
from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.edge import OutputEdge
from winnowry.schemas.errors import SourceUnready
from winnowry.schemas.outcome import Ending, Outcome, end
from winnowry.schemas.reasons import Reason
from winnowry.transforms.encode import encode
from winnowry.transforms.patience import Patience
from winnowry.transforms.retry import retry
from winnowry.transforms.route import Routes

Begin = Callable[..., Relay]
ORDER = ["publish to xpublic", "confirmed by xpublic", "commit", "publish to xl_feeder", "confirmed by xl_feeder", "settle"]


@pytest.fixture
def server() -> FakeExchangeServer:
    return a_station()


@pytest.fixture
def begin(server: FakeExchangeServer, tmp_path: Path) -> Iterator[Begin]:
    begun: list[Relay] = []

    def one(**settings: Any) -> Relay:
        begun.append(Relay(server, tmp_path / "memory", **settings))
        return begun[-1]

    yield one
    for relay in begun:
        relay.end()


def fails(arrival: Arrival) -> Outcome:
    return end(arrival, Ending.FAILED, Reason.GONE, "it is gone")


def not_yet(arrival: Arrival) -> Outcome:
    error = SourceUnready(Reason.SERVER_ERROR, "come back later")
    return retry(arrival, error, Patience(attempts=3)) if arrival.attempt < 3 else encode(arrival, ROUTES)


def test_an_ending_has_its_order(server: FakeExchangeServer, tmp_path: Path) -> None:
    announce(server, a_file("a", "1"))
    assert live(server, tmp_path / "memory").calls == ORDER


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", [number for number, what in enumerate(ORDER) if not what.startswith("confirmed")])
def test_a_death_at_any_point_ends_in_one_announcement(
    server: FakeExchangeServer, tmp_path: Path, call: int, moment: str
) -> None:
    announce(server, a_file("a", "1"))
    log = live(server, tmp_path / "memory", (call, moment))
    assert ORDER[call] == log.calls[call]
    live(server, tmp_path / "memory")
    assert winnowed(server, tmp_path / "next") == [("a", "1")]
    assert len(server.bodies(HEARD)) == (2 if (call, moment) in {(0, "after"), (2, "before")} else 1)
    assert len(server.bodies(REPORTED)) >= 1
    assert server.bodies(ALICE.queue) == []


def test_nothing_is_settled_or_remembered_before_its_confirm(server: FakeExchangeServer, begin: Begin) -> None:
    announce(server, a_file("a", "1"))
    relay = begin()
    server.block()
    relay.run()
    assert (relay.log.calls, relay.ledger.open) == (["publish to xpublic"], 1)
    server.unblock()
    relay.run()
    assert (relay.log.calls, relay.ledger.open) == (ORDER, 0)


def test_a_connection_lost_before_the_confirm_settles_nothing_twice(server: FakeExchangeServer, begin: Begin) -> None:
    announce(server, a_file("a", "1"))
    relay = begin()
    server.block()
    relay.run()
    relay.broker.drop()
    server.unblock()
    relay.run()
    assert said(server.bodies(HEARD)) == [("a", "1")]
    endings = {ending: count for (ending, _), count in relay.ledger.counts.items()}
    assert endings == {Ending.ANNOUNCED: 1, Ending.REPEAT: 1}
    relay.end()
    assert server.bodies(ALICE.queue) == []


def test_a_round_costs_one_window_of_confirms_and_one_commit(server: FakeExchangeServer, begin: Begin) -> None:
    for number in range(50):
        announce(server, a_file(f"{number}", "1"))
    relay = begin()
    relay.run()
    assert [call for call in relay.log.calls if not call.startswith("confirmed")] == [
        "publish to xpublic",
        "commit",
        "publish to xl_feeder",
        "settle",
    ]


def test_a_twin_waits_for_the_first_and_ends_as_a_repeat(server: FakeExchangeServer, begin: Begin) -> None:
    announce(server, a_file("a", "1"), ALICE)
    announce(server, a_file("a", "1", 5), BOB)
    relay = begin()
    server.block()
    relay.run()
    assert (len(relay.ledger.parked), relay.ledger.open) == (1, 1)
    server.unblock()
    relay.run()
    assert relay.ledger.counts == {(Ending.ANNOUNCED, Reason.DONE): 1, (Ending.REPEAT, Reason.KNOWN_CONTENT): 1}


def test_a_twin_is_promoted_when_the_first_fails(server: FakeExchangeServer, begin: Begin) -> None:
    announce(server, a_file("a", "1"), ALICE)
    announce(server, a_file("a", "1", 5), BOB)
    relay = begin(work=lambda arrival: (fails if arrival.edge is ALICE else not_yet_done)(arrival))
    relay.run()
    assert relay.ledger.counts == {(Ending.FAILED, Reason.GONE): 1, (Ending.ANNOUNCED, Reason.DONE): 1}
    assert (len(server.bodies(DEAD)), said(server.bodies(HEARD))) == (1, [("a", "1")])


def not_yet_done(arrival: Arrival) -> Outcome:
    return encode(arrival, ROUTES)


def test_twins_of_several_versions_are_heard_in_their_order(server: FakeExchangeServer, begin: Begin) -> None:
    for number, content in enumerate("12131"):
        announce(server, a_file("a", content, number), ALICE)
        announce(server, a_file("a", content, number), BOB)
    relay = begin()
    relay.run()
    assert said(server.bodies(HEARD)) == [("a", content) for content in "12131"]


def test_no_two_claims_of_one_commit_have_the_same_path(server: FakeExchangeServer, begin: Begin) -> None:
    seen: list[int] = []
    relay = begin()
    commit = relay.memory.commit

    def counted(histories: Any, beside: Any) -> list[bytes]:
        seen.append(len(histories))
        return commit(histories, beside)

    relay.memory.commit = counted  # type: ignore[method-assign]
    for number in range(6):
        announce(server, a_file("a", f"{number}", number))
        announce(server, a_file(f"b{number}", "1", number))
    relay.run()
    assert seen == [7, 1, 1, 1, 1, 1]
    assert said(server.bodies(HEARD))[-5:] == [("a", f"{number}") for number in range(1, 6)]


def test_an_older_word_of_the_same_announcer_is_superseded(server: FakeExchangeServer, begin: Begin) -> None:
    announce(server, a_file("a", "new", 10))
    announce(server, a_file("a", "old", 5))
    relay = begin()
    relay.run()
    assert relay.ledger.counts == {(Ending.ANNOUNCED, Reason.DONE): 1, (Ending.REFUSED, Reason.SUPERSEDED): 1}


def test_the_same_message_sent_twice_is_announced_once(server: FakeExchangeServer, begin: Begin) -> None:
    post = a_file("a", "1")
    announce(server, post)
    announce(server, post)
    relay = begin()
    relay.run()
    assert said(server.bodies(HEARD)) == [("a", "1")]


def test_what_is_retried_comes_back_with_the_next_attempt(server: FakeExchangeServer, begin: Begin) -> None:
    attempts: list[int] = []

    def work(arrival: Arrival) -> Outcome:
        attempts.append(arrival.attempt)
        return not_yet(arrival)

    announce(server, a_file("a", "1"))
    clock = Clock()
    relay = begin(work=work, clock=clock)
    relay.run()
    for wait in (0.9, 0.2, 9.0, 1.1):
        clock.now += wait
        relay.run()
    assert attempts == [1, 2, 3]
    assert (said(server.bodies(HEARD)), relay.ledger.open, relay.inlet.later) == ([("a", "1")], 0, 0)


def test_waiting_too_long_for_a_twin_is_no_attempt(server: FakeExchangeServer, begin: Begin) -> None:
    announce(server, a_file("a", "1"), ALICE)
    announce(server, a_file("a", "2"), BOB)
    clock = Clock()
    relay = begin(clock=clock)
    server.full.add(HEARD)
    relay.run()
    assert len(relay.ledger.parked) == 1
    clock.now += 601
    relay.ledger.postpone_overdue(clock.now - 600)
    relay.run()
    assert (len(relay.ledger.parked), relay.inlet.later) == (0, 1)
    server.full.clear()
    attempts: list[int] = []
    relay._work = lambda arrival: attempts.append(arrival.attempt) or encode(arrival, ROUTES)  # type: ignore[func-returns-value]
    clock.now += 11
    relay.run()
    relay.run()
    assert attempts == [1]
    assert said(server.bodies(HEARD)) == [("a", "1"), ("a", "2")]


def test_a_long_wait_takes_its_next_hop(server: FakeExchangeServer, begin: Begin) -> None:
    patient = Patience(delays=(900.0,))
    clock = Clock()
    attempts: list[int] = []

    def work(arrival: Arrival) -> Outcome:
        attempts.append(arrival.attempt)
        return retry(arrival, SourceUnready(Reason.SERVER_ERROR), patient) if arrival.attempt < 2 else encode(arrival, ROUTES)

    announce(server, a_file("a", "1"))
    relay = begin(work=work, clock=clock)
    relay.run()
    clock.now += 601
    relay.run()
    assert (attempts, relay.inlet.later) == ([1], 1)
    clock.now += 300
    relay.run()
    assert (attempts, relay.inlet.later) == ([1, 2], 0)


def test_what_no_queue_takes_is_published_until_one_does(server: FakeExchangeServer, begin: Begin) -> None:
    FakeBroker(server).declare(Topology(exchanges=("xinner",)))
    clock = Clock()
    routes = Routes(public=OutputEdge(exchange="xinner"))
    announce(server, a_file("a", "1"))
    relay = begin(work=lambda arrival: encode(arrival, routes), clock=clock)
    relay.run()
    assert (relay.ledger.unheard, relay.ledger.open) == (1, 1)
    clock.now += 1
    relay.run()
    assert relay.ledger.unheard == 1
    FakeBroker(server).declare(Topology(queues=(Queue(name="q_inner", bindings=(("xinner", "#"),)),)))
    clock.now += 1
    relay.run()
    assert (relay.ledger.unheard, relay.ledger.open, said(server.bodies("q_inner"))) == (0, 0, [("a", "1")])


def test_a_report_that_was_refused_goes_to_its_own_broker_again(server: FakeExchangeServer, begin: Begin) -> None:
    clock = Clock()
    relay = begin(clock=clock)
    elsewhere = FakeExchangeServer()
    FakeBroker(elsewhere).declare(Topology(exchanges=(OUT,), queues=(Queue(name="q_far", bindings=((OUT, "#"),)),)))
    relay.ledger._target = FakeBroker(elsewhere)
    announce(server, a_file("a", "1"))
    server.full.add(REPORTED)
    relay.run()
    assert relay.ledger.open == 1
    server.full.clear()
    clock.now += 1
    relay.run()
    assert (relay.ledger.open, len(server.bodies(REPORTED))) == (0, 1)


def test_a_bad_message_leaves_a_dead_letter_and_no_report(server: FakeExchangeServer, begin: Begin) -> None:
    broker = FakeBroker(server)
    bad = replace(announcement(a_file("a", "1"), ALICE), body=b"{")
    broker.publish([(None, bad)], lambda _: None)
    relay = begin()
    relay.run()
    assert (server.bodies(DEAD), server.bodies(REPORTED), relay.ledger.open) == ([b"{"], [], 0)


def test_a_refusal_that_nobody_would_be_told_of_leaves_a_dead_letter(server: FakeExchangeServer, begin: Begin) -> None:
    announce(server, a_file("astray", "1"))
    announce(server, a_file("unwanted", "2"))
    reasons = {"astray": Reason.QUEUE_NOT_READ, "unwanted": Reason.NOT_SELECTED}

    def turn_away(arrival: Arrival) -> Outcome:
        return Outcome(ending=Ending.REFUSED, reason=reasons[arrival.post.rel_path], delivery=arrival.delivery)

    relay = begin(work=turn_away)
    relay.run()
    assert (said(server.bodies(DEAD)), server.bodies(REPORTED), relay.ledger.open) == ([("astray", "1")], [], 0)


def test_a_path_whose_holder_raised_is_free_again(server: FakeExchangeServer, begin: Begin) -> None:
    def raised(arrival: Arrival) -> Outcome:
        return Outcome(ending=Ending.FAILED, reason=Reason.BUG, delivery=arrival.delivery, detail="a step raised")

    announce(server, a_file("a", "1"), ALICE)
    announce(server, a_file("a", "1"), BOB)
    relay = begin(work=lambda arrival: (raised if arrival.edge is ALICE else not_yet_done)(arrival))
    relay.run()
    assert relay.ledger.counts == {(Ending.FAILED, Reason.BUG): 1, (Ending.ANNOUNCED, Reason.DONE): 1}


def test_a_file_made_again_where_one_was_renamed_away_is_news(server: FakeExchangeServer, begin: Begin) -> None:
    announce(server, a_file("old", "1", 0))
    announce(server, a_file("new", "1", 1, file_op={"rename": "old"}))
    relay = begin()
    relay.run()
    announce(server, a_file("old", "1", 2))
    relay.run()
    assert [path for path, _ in said(server.bodies(HEARD))] == ["old", "new", "old"]


def test_calls_are_noted_as_they_are_made() -> None:
    log = Log()
    assert (log.note("settle", lambda: 7), log.calls) == (7, ["settle"])
