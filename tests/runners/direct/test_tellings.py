from collections.abc import Callable, Iterator

import pytest
from relays import HEARD, OUT, a_station

from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.runners.direct.tellings import Tellings
from winnowry.schemas.rate import Slot, Sums, message_of, rate_of, read_rate

FIRST = [(Slot(0, 10, "all", ""), Sums(good=2)), (Slot(0, 10, "source", "alice"), Sums(good=2))]
SECOND = [(Slot(10, 20, "all", ""), Sums(good=5))]


@pytest.fixture
def server() -> FakeExchangeServer:
    return a_station()


@pytest.fixture
def tellings(server: FakeExchangeServer) -> Iterator[Tellings]:
    broker = FakeBroker(server)
    yield Tellings(broker, lambda slot, sums: message_of(rate_of(slot, sums, cluster="c", pump="p"), OUT))
    broker.close()


def told(server: FakeExchangeServer) -> list[tuple[str, int]]:
    return [(rate.dimension, rate.good) for rate in map(read_rate, server.bodies(HEARD))]


def test_the_rate_for_all_is_confirmed_before_the_others_are_told(server: FakeExchangeServer, tellings: Tellings) -> None:
    tellings.begin(FIRST)
    assert told(server) == [("all", 2)]
    assert tellings.advance() == []
    assert told(server) == [("all", 2), ("source", 2)]
    (over,) = tellings.advance()
    assert (over.figures, over.refused, len(tellings)) == (FIRST, False, 0)


def test_what_is_being_told_is_not_begun_again(server: FakeExchangeServer, tellings: Tellings) -> None:
    server.block()
    tellings.begin(FIRST)
    tellings.begin([*FIRST, *SECOND])
    server.unblock()
    assert told(server) == [("all", 2), ("all", 5)]


@pytest.mark.parametrize("steps", [1, 2])
def test_a_window_of_which_something_was_refused_is_refused_whole(
    server: FakeExchangeServer, tellings: Tellings, steps: int
) -> None:
    refuse: Callable[[], None] = lambda: server.full.add(HEARD)  # noqa: E731
    for step in (refuse, lambda: tellings.begin(FIRST)) if steps == 1 else (lambda: tellings.begin(FIRST), refuse):
        step()
    over = tellings.advance() or tellings.advance()
    assert ([telling.refused for telling in over], len(tellings)) == ([True], 0)
