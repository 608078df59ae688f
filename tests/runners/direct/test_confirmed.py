from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from relays import ALICE, DEAD, REPORTED, Clock, Relay, a_file, a_station, announce

from winnowry.io.fake_server import FakeExchangeServer
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.errors import SourceRefused, SourceUnready
from winnowry.schemas.outcome import Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.patience import Patience
from winnowry.transforms.retry import retry

LATER = "q_feeder.fuse.later.1"


@pytest.fixture
def server() -> FakeExchangeServer:
    return a_station()


@pytest.mark.parametrize(
    ("error", "queue"),
    [(SourceUnready(Reason.NOT_FOUND), LATER), (SourceRefused(Reason.GONE), DEAD)],
    ids=["retried", "failed"],
)
def test_an_original_stays_until_its_copy_is_confirmed(
    error: SourceUnready | SourceRefused, queue: str, server: FakeExchangeServer, tmp_path: Path
) -> None:
    work: Callable[[Arrival], Outcome] = partial(retry, error=error, patience=Patience())
    clock = Clock()
    relay = Relay(server, tmp_path / "memory", clock=clock, work=work)
    announce(server, a_file("a", "1"))
    server.full.add(queue)
    relay.run()
    assert (relay.ledger.open, "settle" in relay.log.calls) == (1, False)
    relay.end()
    assert len(server.bodies(ALICE.queue)) == 1
    server.full.clear()
    relay = Relay(server, tmp_path / "memory", clock=clock, work=work)
    relay.run()
    relay.end()
    assert (len(server.bodies(ALICE.queue)), len(server.bodies(queue))) == (0, 1)


def test_nothing_is_settled_before_its_report_is_confirmed(server: FakeExchangeServer, tmp_path: Path) -> None:
    relay = Relay(server, tmp_path / "memory")
    announce(server, a_file("a", "1"))
    server.full.add(REPORTED)
    relay.run()
    assert (relay.ledger.open, "settle" in relay.log.calls) == (1, False)
    relay.end()
    assert len(server.bodies(ALICE.queue)) == 1
