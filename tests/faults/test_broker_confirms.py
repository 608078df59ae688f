"""A broker whose confirms are lost on the way, and two brokers that announce the same, of which one is in trouble."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from brokers import Vhost, eventually
from chains import CAROL, Chain, Running, a_pump_of, announce, names_of
from clusters import consumers
from proxies import Proxy, through

from winnowry.schemas.edge import InputEdge
from winnowry.schemas.outcome import Ending

pytestmark = pytest.mark.e2e

NAMES = names_of(20)
MORE = names_of(10, first=20)
FAR = "q_feeder.far"


def test_what_a_broker_took_without_our_knowing_is_published_again_and_winnowed(vhost: Vhost, tmp_path: Path) -> None:
    with Proxy(vhost.broker.port) as way, Chain(vhost, tmp_path, relay_target=through(way, vhost.url)).start() as chain:
        way.mute = True
        chain.announce(NAMES)
        eventually(lambda: vhost.depth(CAROL) == len(NAMES), what="the coming of every announcement")
        assert chain.relay.engine.over == 0
        way.mute = False
        way.cut()
        chain.ended(NAMES)
        assert chain.fuse.engine.ended(Ending.REPEAT) == len(NAMES)


@dataclass
class Feeder:
    """Another cluster's broker, the way to it, and the pump that brings what it announces."""

    vhost: Vhost
    way: Proxy
    pump: Running

    def announce(self, names: list[str]) -> None:
        announce(self.vhost, names, "theirs")

    def announced(self, count: int) -> None:
        """Wait until its pump has announced so many, counting what it was told again."""
        self.pump.until(lambda status: status["outcomes"].get("announced:done", 0) >= count)


@pytest.fixture
def chain(vhost: Vhost, tmp_path: Path) -> Iterator[Chain]:
    with Chain(vhost, tmp_path).start() as made:
        yield made


@pytest.fixture
def feeders(chain: Chain, vhost: Vhost, tmp_path: Path) -> Iterator[tuple[Feeder, Feeder]]:
    """Two feeders, near and far, which the pumps of ``chain`` hear both."""
    with ExitStack() as stack:
        yield _feeder("near", vhost, tmp_path, stack), _feeder("far", vhost, tmp_path, stack)


def _feeder(name: str, ours: Vhost, folder: Path, stack: ExitStack) -> Feeder:
    theirs = Vhost(ours.broker)
    ours.broker.add_vhost(theirs.name)
    stack.callback(ours.broker.remove_vhost, theirs.name)
    theirs.add_exchange("theirs")
    way = stack.enter_context(Proxy(ours.broker.port, piece=256))
    edge = InputEdge(kind="feeder", queue=f"q_feeder.{name}", exchange="theirs")
    running = Running(a_pump_of("shovel", name, folder, edge), through(way, theirs.url), ours.url)
    return Feeder(theirs, way, stack.enter_context(running))


def test_a_broker_that_lags_behind_another_adds_nothing(chain: Chain, feeders: tuple[Feeder, Feeder]) -> None:
    near, far = feeders
    far.way.lag = 0.05
    for feeder in (far, near):
        feeder.announce(NAMES)
    chain.ended(NAMES)
    for feeder in feeders:
        feeder.announced(len(NAMES))
    chain.fuse.until(lambda status: status["outcomes"].get("repeat:known_content") == len(NAMES))
    assert chain.vhost.depth(CAROL) == 0


def test_a_broker_that_says_everything_again_after_each_break_adds_nothing(
    chain: Chain, feeders: tuple[Feeder, Feeder]
) -> None:
    far = feeders[1]
    for first in (0, 10, 20):
        eventually(lambda: consumers(far.vhost, FAR) == 1, what="the far one being consumed")
        far.way.deaf = True  # it never learns what was settled
        for feeder in feeders:
            feeder.announce(names_of(10, first))
        far.announced(2 * first + 10)
        far.way.deaf = False
        far.way.cut()
        far.announced(2 * first + 20)
    chain.ended(names_of(30))
    assert far.vhost.depth(FAR) == 0
    outcomes = chain.fuse.until(lambda status: status["outcomes"]["repeat:known_content"] >= 60)["outcomes"]
    assert (outcomes["announced:done"], chain.vhost.depth(CAROL)) == (30, 0)


def test_a_broker_that_is_away_for_a_while_is_not_missed_and_shown(chain: Chain, feeders: tuple[Feeder, Feeder]) -> None:
    near, far = feeders
    far.way.shut()
    for feeder in feeders:
        feeder.announce(NAMES)
    far.announce(MORE)
    eventually(lambda: chain.vhost.depth(CAROL) == len(NAMES), what="the coming of what the near one announced")
    states = {name: state for feeder in feeders for name, state in feeder.pump.says("connect")["brokers"].items()}
    assert states[near.pump.source.name] == states[chain.relay.source.name] == "connected"
    assert states[far.pump.source.name].startswith("connecting connection: Connection refused")
    far.way.reopen()
    chain.ended(NAMES + MORE)
    far.announced(len(NAMES + MORE))
    assert far.vhost.depth(FAR) == 0
