"""A broker that is restarted, stops answering, runs out of memory, or loses its patience: a node of our own, since others share
the session's.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import Vhost
from chains import Chain, names_of

from winnowry.runners.servers.rabbitmq import RabbitMQ

pytestmark = [pytest.mark.e2e, pytest.mark.long]

NAMES = names_of(200)
MORE = names_of(100, first=200)


@pytest.fixture(scope="module")
def node() -> Iterator[RabbitMQ]:
    with RabbitMQ() as started:
        yield started


@pytest.fixture
def own(node: RabbitMQ) -> Iterator[Vhost]:
    fresh = Vhost(node)
    node.add_vhost(fresh.name)
    yield fresh
    node.remove_vhost(fresh.name)


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_broker_that_ends_amid_publishing_and_comes_back_costs_nothing(
    own: Vhost, node: RabbitMQ, tmp_path: Path, how: str
) -> None:
    with Chain(own, tmp_path).start() as chain:
        chain.announce(NAMES)
        chain.relay.until(lambda status: bool(status["unsettled"] or status["outcomes"]))
        node.kill() if how == "kill" else node.stop()
        chain.relay.says("connecting")
        node.start()
        chain.announce(MORE)
        chain.ended(NAMES + MORE, again=True)


def test_a_broker_that_stops_answering_for_longer_than_a_heartbeat_costs_nothing(
    own: Vhost, node: RabbitMQ, tmp_path: Path
) -> None:
    process = int((node.folder / "pid").read_text())
    with Chain(own, tmp_path, heartbeat=2).start() as chain:
        chain.announce(NAMES)
        chain.relay.until(lambda status: bool(status["unsettled"] or status["outcomes"]))
        os.kill(process, signal.SIGSTOP)
        try:
            chain.relay.says("connecting")
        finally:
            os.kill(process, signal.SIGCONT)
        chain.announce(MORE)
        chain.ended(NAMES + MORE, again=True)


def test_a_broker_without_memory_keeps_its_pumps_waiting_and_settles_nothing_unconfirmed(
    own: Vhost, node: RabbitMQ, tmp_path: Path
) -> None:
    with Chain(own, tmp_path) as chain:
        chain.announce(NAMES)
        node.ctl("set_vm_memory_high_watermark", "0.00001")
        try:
            status = chain.relay.says("blocked")
            assert status["outcomes"] == {}
        finally:
            node.ctl("set_vm_memory_high_watermark", "0.4")
        chain.start().announce(MORE)
        chain.ended(NAMES + MORE)


def test_what_a_broker_takes_back_from_a_slow_pump_is_neither_lost_nor_told_twice(
    own: Vhost, node: RabbitMQ, tmp_path: Path
) -> None:
    patience(node, timeout=2000, tick=500)
    try:
        with Chain(own, tmp_path) as chain:
            chain.announce(NAMES)
            chain.relay.until(lambda status: status["unheard"] > 0)
            chain.relay.says("delivery acknowledgement on channel")
            patience(node, timeout=1_800_000, tick=60_000)
            chain.start().ended(NAMES)
    finally:
        patience(node, timeout=1_800_000, tick=60_000)


def patience(node: RabbitMQ, timeout: int, tick: int) -> None:
    """Set how many milliseconds channels that are opened from now on wait for settling, and how often they look."""
    settings = {"consumer_timeout": timeout, "channel_tick_interval": tick}
    node.ctl("eval", ", ".join(f"application:set_env(rabbit, {name}, {value})" for name, value in settings.items()) + ".")
