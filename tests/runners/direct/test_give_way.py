from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from arrivals import a_delivery, an_arrival
from msgspec.structs import replace
from relays import ALICE, BOB, Clock

from winnowry.io.fake_site import FakeSite, Mishap
from winnowry.io.files import Files
from winnowry.io.incoming import Request
from winnowry.io.memory import Memory
from winnowry.io.transfers import Transfers
from winnowry.runners.direct.give_way import AGAIN_AFTER, PATIENCE, PROGRESS, GiveWay
from winnowry.runners.direct.parked import Parked
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.edge import InputEdge
from winnowry.schemas.outcome import Ending, Outcome, end
from winnowry.schemas.reasons import Reason
from winnowry.transforms.winnow import Scope, claim_of

URL = "https://example.org/a"


class Scene:
    """A transfer of Alice's that hangs, parked; ``wants`` lets Bob's twin wait for its path."""

    def __init__(self, folder: Path, attempt: int = 1) -> None:
        self.clock = Clock(0.0)
        site = FakeSite()
        site.contents[URL] = b"x"
        site.mishaps.append(Mishap.HANGS)
        self.transfers = Transfers(Files(root=folder), carriers=site.carriers)
        self.memory = Memory(folder / "memory", remember=timedelta(days=1), shared=False)
        self.give_way = GiveWay(self.transfers, self.memory, self.clock)
        self.parked = Parked()
        arrival = arrived(ALICE, 1, attempt)
        self.path = claim_of(arrival, scope=Scope()).path
        self.memory.reserve(self.path, arrival.delivery.hold)
        self.arrival = replace(arrival, claim=claim_of(arrival, scope=Scope()))
        self.transfers.start(self.arrival.identity, Request(url=URL, place="a", size=10**9))
        self.parked.put(end(self.arrival, Ending.PARKED, Reason.TRANSFER_UNDERWAY), 0.0)

    def wants(self) -> None:
        self.memory.reserve(self.path, arrived(BOB, 2).delivery.hold)

    def at(self, now: float) -> list[Outcome]:
        self.clock.now = now
        return self.give_way.find(self.parked)

    def receive(self, amount: int) -> None:
        job = self.transfers._jobs[self.arrival.identity]
        job.incoming.take(b"x" * amount)

    def close(self) -> None:
        self.transfers.close()
        self.memory.close()


def arrived(edge: InputEdge, tag: int, attempt: int = 1) -> Arrival:
    return an_arrival(edge, delivery=a_delivery(edge, tag=tag, attempt=attempt))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


def test_a_transfer_that_hangs_gives_its_path_to_a_twin_that_waits(scene: Scene) -> None:
    scene.wants()
    assert scene.at(0.0) == []
    assert scene.at(PATIENCE - 0.1) == []
    (outcome,) = scene.at(PATIENCE)
    assert (outcome.ending, outcome.reason, outcome.delay) == (Ending.RETRIED, Reason.TIMED_OUT, AGAIN_AFTER)
    assert (outcome.delivery, len(scene.parked)) == (scene.arrival.delivery, 0)
    assert scene.transfers.underway() == []


def test_a_transfer_that_nobody_waits_for_may_take_its_time(scene: Scene) -> None:
    assert (scene.at(0.0), scene.at(PATIENCE * 100)) == ([], [])


def test_a_twin_waits_for_a_transfer_as_long_as_it_moves(scene: Scene) -> None:
    scene.wants()
    scene.at(0.0)
    for number in range(1, 5):
        scene.receive(PROGRESS)
        assert scene.at(number * (PATIENCE - 1)) == []
    scene.receive(PROGRESS - 1)
    assert len(scene.at(5 * PATIENCE)) == 1


def test_the_patience_of_a_twin_begins_when_it_comes(scene: Scene) -> None:
    scene.at(0.0)
    scene.wants()
    assert (scene.at(PATIENCE * 2), len(scene.at(PATIENCE * 3))) == ([], 1)


def test_each_attempt_has_twice_the_time_so_that_two_slow_sources_do_not_take_turns_for_ever(tmp_path: Path) -> None:
    scene = Scene(tmp_path, attempt=3)
    scene.wants()
    assert (scene.at(0.0), scene.at(4 * PATIENCE - 0.1), len(scene.at(4 * PATIENCE))) == ([], [], 1)
    scene.close()
