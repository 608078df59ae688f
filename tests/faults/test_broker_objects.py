"""What an operator deletes under a running pump, and makes again: queues, bindings, exchanges."""

from pathlib import Path

import pytest
from brokers import Vhost, delete, eventually
from chains import RELAY, Chain, heard, names_of
from clusters import consumers

pytestmark = pytest.mark.e2e

NAMES = names_of(20)
MORE = names_of(10, first=20)


def test_what_a_pump_holds_ends_well_when_its_queue_is_deleted_and_it_makes_the_queue_again(
    vhost: Vhost, tmp_path: Path
) -> None:
    with Chain(vhost, tmp_path) as chain:
        chain.announce(NAMES)
        chain.relay.until(lambda status: status["unheard"] == len(NAMES))
        delete(vhost, queue=RELAY)
        eventually(lambda: consumers(vhost, RELAY) == 1, what="the queue being made and consumed again")
        chain.announce(MORE)
        chain.start().ended(NAMES + MORE)


def test_an_exchange_between_two_pumps_that_is_deleted_and_made_again_costs_nothing(vhost: Vhost, tmp_path: Path) -> None:
    with Chain(vhost, tmp_path).start() as chain:
        chain.announce(NAMES)
        assert heard(vhost, len(NAMES)).total() == len(NAMES)
        delete(vhost, exchange="xwinnow")
        chain.announce(MORE)
        chain.relay.says("no exchange 'xwinnow'")
        vhost.add_exchange("xwinnow")
        chain.ended(MORE)


def test_what_is_unroutable_waits_until_somebody_binds_a_queue(vhost: Vhost, tmp_path: Path) -> None:
    with Chain(vhost, tmp_path) as chain:
        chain.announce(NAMES)
        status = chain.relay.until(lambda status: status["unheard"] == len(NAMES))
        assert (status["unsettled"], status["outcomes"]) == (len(NAMES), {})
        chain.start().ended(NAMES)
