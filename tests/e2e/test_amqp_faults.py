"""What a connection does when its broker dies or runs out of memory: a node of our own, since others share the session's."""

from collections.abc import Iterator

import pytest
from brokers import eventually
from inbox import Answers, Inbox, bound, message, publish

from winnowry.io.amqp import AmqpBroker, AmqpSettings
from winnowry.io.broker import Confirm
from winnowry.runners.servers.rabbitmq import RabbitMQ

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def node() -> Iterator[RabbitMQ]:
    with RabbitMQ() as started:
        yield started


@pytest.fixture
def broker(node: RabbitMQ) -> Iterator[AmqpBroker]:
    vhost = node.add_vhost("faults")
    connected = AmqpBroker(AmqpSettings(urls=(vhost,)))
    connected.declare(bound())
    yield connected
    connected.close()
    node.remove_vhost("faults")


def test_a_broker_killed_while_we_publish_and_consume_loses_nothing(node: RabbitMQ, broker: AmqpBroker) -> None:
    answers, inbox = Answers(), Inbox()
    for start in range(0, 10_000, 500):
        broker.publish([(number, message(b"%d" % number)) for number in range(start, start + 500)], answers.put)
    answers.wait(2000)
    broker.consume("q_dd", 100, inbox.put)
    unsettled = inbox.take(100)
    node.kill()
    broker.publish([(number, message(b"%d" % number)) for number in range(10_000, 10_500)], answers.put)
    eventually(lambda: broker.state().state == "connecting")
    node.start()
    assert set(answers.wait(10_500, seconds=60).values()) == {Confirm.CONFIRMED}
    broker.settle(unsettled)
    seen: set[int] = set()
    while len(seen) < 10_500:
        deliveries = inbox.take(1)
        seen.update(int(delivery.body) for delivery in deliveries)
        broker.settle(deliveries)
    assert seen == set(range(10_500))
    assert broker.state().state == "connected"


def test_a_broker_without_memory_pauses_publishing_and_says_so(node: RabbitMQ, broker: AmqpBroker) -> None:
    answers = Answers()
    node.ctl("set_vm_memory_high_watermark", "0.00001")
    try:
        broker.publish([(1, message(b"1"))], answers.put)
        eventually(lambda: broker.state().state == "blocked")
        broker.publish([(2, message(b"2"))], answers.put)
        assert "memory" in broker.state().detail
        assert 2 not in dict(answers.confirms)
    finally:
        node.ctl("set_vm_memory_high_watermark", "0.4")
    assert answers.wait(2) == {1: Confirm.CONFIRMED, 2: Confirm.CONFIRMED}
    eventually(lambda: broker.state().state == "connected")
    assert publish(broker, [message(b"3")]) == [Confirm.CONFIRMED]
