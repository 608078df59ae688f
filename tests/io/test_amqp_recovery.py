"""What brings publishing and consuming back after a broker, or an operator, has interfered."""

from collections.abc import Callable
from functools import partial

import pytest
from brokers import Vhost, eventually
from inbox import Inbox, bound, message, publish

from winnowry.io.amqp import AmqpBroker
from winnowry.io.amqp.frames import encode_properties
from winnowry.io.amqp.traffic import Traffic
from winnowry.io.broker import Confirm, Queue, Topology
from winnowry.schemas.errors import Malformed

Connect = Callable[..., AmqpBroker]


def test_a_broker_that_blocked_us_before_it_went_away_does_not_block_the_next_connection() -> None:
    traffic = Traffic()
    traffic.hold(blocked=True)
    traffic.fall()
    assert not traffic.publisher.blocked


@pytest.mark.e2e
def test_a_queue_that_was_denied_and_let_go_is_consumed_when_it_is_wanted_again(vhost: Vhost, broker_at: Connect) -> None:
    broker = broker_at(vhost.url)
    inbox = Inbox()
    broker.consume("q_dd", 10, inbox.put)
    eventually(lambda: "q_dd" in broker.state().detail)
    broker.cancel("q_dd")
    eventually(lambda: broker.state().state == "connected")
    vhost.queue("q_dd")
    vhost.publish("", "q_dd", b"x")
    broker.consume("q_dd", 10, inbox.put)
    assert inbox.take(1)[0].body == b"x"


@pytest.mark.e2e
def test_a_queue_that_is_held_and_lifted_at_once_keeps_the_connection(vhost: Vhost, broker_at: Connect) -> None:
    broker = broker_at(vhost.url)
    broker.declare(bound())
    before, inbox = broker.state(), Inbox()
    for _ in range(10):
        broker.consume("q_dd", 10, inbox.put)
        broker.cancel("q_dd")
    broker.consume("q_dd", 10, inbox.put)
    publish(broker, [message(b"x")])
    assert (inbox.take(1)[0].body, broker.state()) == (b"x", before)


@pytest.mark.e2e
def test_headers_without_end_are_left_out_so_that_the_message_can_be_kept(vhost: Vhost, broker_at: Connect) -> None:
    broker = broker_at(vhost.url)
    broker.declare(bound())
    inbox = Inbox()
    broker.consume("q_dd", 10, inbox.put)
    vhost.publish("xpublic", "v03.a", b"x", content_type="text/plain", header="x" * 130_000)
    (delivery,) = inbox.take(1)
    assert (delivery.body, delivery.headers) == (b"x", {})
    assert publish(broker, [message(b"x", **delivery.headers, ours="y" * 2000)]) == [Confirm.CONFIRMED]


@pytest.mark.e2e
def test_a_declaration_that_is_denied_for_long_is_tried_by_one_alone(vhost: Vhost, broker_at: Connect) -> None:
    broker = broker_at(vhost.url, renewal=3600)
    with vhost.connect() as other:
        other.channel().queue_declare("q_dd", durable=True)
        broker.declare(Topology(queues=(Queue(name="q_dd", passive=True),)))
        broker.consume("q_dd", 10, Inbox().put)
        pending: list[Callable[[], None]] = []
        link = broker._traffic.link
        link.later = lambda _pause, action: pending.append(action)  # type: ignore[method-assign]
        other.channel().queue_delete("q_dd")
    for least in (1, 2, 2, 2, 2):
        eventually(lambda least=least: len(pending) >= least)  # type: ignore[misc]
        again, pending[:] = pending[:], []
        assert len(again) == least
        for action in again:
            link.ask(action)


def test_headers_that_fit_into_no_frame_are_refused_before_they_break_the_connection() -> None:
    with pytest.raises(Malformed, match="do not fit into one frame"):
        encode_properties("", {"header": "x" * 131_072})


def test_names_that_fit_into_no_frame_are_refused_before_they_break_the_connection(broker_at: Connect) -> None:
    broker = broker_at("amqp://localhost:1/")
    declared = bound(queue="q" * 256), bound(exchange="é" * 128), bound(key="k" * 256)
    for declare in (*(partial(broker.declare, one) for one in declared), partial(broker.depth, "q" * 256)):
        with pytest.raises(Malformed, match="longer than the 255 bytes"):
            declare()
    with pytest.raises(Malformed, match="longer than the 255 bytes"):
        broker.consume("q" * 256, 1, Inbox().put)
