from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from relays import ALICE, BOB, HEARD, REPORTED, ROUTES, Relay, ToyDesk, a_file, a_station, announce, said

from winnowry.io.fake_server import FakeExchangeServer
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.delivery import Message
from winnowry.schemas.errors import DiskTrouble, SourceUnready
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.encode import encode
from winnowry.transforms.patience import Patience
from winnowry.transforms.retry import retry

Begin = Callable[..., Relay]


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


def all_but_b(arrival: Arrival) -> Outcome:
    if arrival.post.rel_path == "b":
        return encode(arrival, ROUTES)
    return retry(arrival, SourceUnready(Reason.SERVER_ERROR, "come back later"), Patience(attempts=3))


class FullDisk(ToyDesk):
    """A desk that cannot write until there is room."""

    full = True

    def postpone(self, outcome: Outcome) -> Message | None:
        if self.full:
            raise DiskTrouble(Reason.DISK_FULL, "no space left")
        return super().postpone(outcome)


def test_what_cannot_be_written_down_now_is_written_later_and_harms_nobody(server: FakeExchangeServer, begin: Begin) -> None:
    announce(server, a_file("a", "1"))
    announce(server, a_file("b", "1"))
    relay = begin(work=all_but_b)
    desk = relay.ledger._desk = FullDisk(relay.clock)
    relay.run()
    assert (relay.ledger.open, relay.ledger.counts) == (1, {(Ending.ANNOUNCED, Reason.DONE): 1})
    assert relay.ledger.waiting_since == relay.clock.now
    desk.full = False
    relay.clock.now += 1
    relay.run()
    assert (relay.ledger.open, relay.ledger.counts[Ending.RETRIED, Reason.SERVER_ERROR]) == (0, 1)


def test_what_cannot_be_remembered_now_is_remembered_later_and_settled_then(
    server: FakeExchangeServer, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(server, a_file("a", "1"), ALICE)
    announce(server, a_file("a", "1", 5), BOB)
    relay = begin()
    full = [DiskTrouble(Reason.DISK_FULL, "no space left")]
    write = relay.memory._days.write

    def write_if_there_is_room(*given: Any) -> None:
        if full:
            raise full[0]
        write(*given)

    monkeypatch.setattr(relay.memory._days, "write", write_if_there_is_room)
    relay.run()
    assert (len(server.bodies(HEARD)), len(server.bodies(REPORTED)), len(relay.ledger.parked)) == (1, 0, 1)
    full.clear()
    relay.clock.now += 1
    relay.run()
    assert relay.ledger.counts == {(Ending.ANNOUNCED, Reason.DONE): 1, (Ending.REPEAT, Reason.KNOWN_CONTENT): 1}
    assert (len(server.bodies(HEARD)), len(server.bodies(REPORTED))) == (1, 2)


def test_what_nobody_confirms_for_too_long_goes_back_to_its_queue_and_ends_once(
    server: FakeExchangeServer, begin: Begin
) -> None:
    announce(server, a_file("a", "1"))
    relay = begin()
    server.block()
    relay.run()
    relay.broker.cancel(ALICE.queue)
    relay.ledger.return_overdue(relay.clock.now)
    assert server.bodies(ALICE.queue) == []
    relay.ledger.return_overdue(relay.clock.now + 1)
    relay.ledger.return_overdue(relay.clock.now + 1)
    assert (len(server.bodies(ALICE.queue)), relay.ledger.open) == (1, 1)
    server.unblock()
    relay.broker.consume(ALICE.queue, 100, relay.inlet.deliver)
    relay.run()
    assert relay.ledger.counts == {(Ending.ANNOUNCED, Reason.DONE): 1, (Ending.REPEAT, Reason.KNOWN_CONTENT): 1}
    assert said(server.bodies(HEARD)) == [("a", "1")]
    relay.end()
    assert server.bodies(ALICE.queue) == []


def test_what_cannot_be_settled_now_because_a_disk_is_full_is_settled_later(
    server: FakeExchangeServer, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(server, a_file("a", "1"))
    relay = begin()
    full = [DiskTrouble(Reason.DISK_FULL, "no space left")]
    settle = relay.ledger._holders.settle

    def settle_if_there_is_room(deliveries: Any) -> None:
        if full:
            raise full[0]
        settle(deliveries)

    monkeypatch.setattr(relay.ledger._holders, "settle", settle_if_there_is_room)
    relay.run()
    assert (len(server.bodies(HEARD)), relay.ledger.open, relay.ledger.counts.total()) == (1, 1, 0)
    full.clear()
    relay.clock.now += 1
    relay.run()
    assert (len(server.bodies(HEARD)), relay.ledger.open) == (1, 0)
    assert relay.ledger.counts == {(Ending.ANNOUNCED, Reason.DONE): 1}
