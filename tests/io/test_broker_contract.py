"""What every broker promises, asked of the one in memory and of RabbitMQ."""

from collections.abc import Callable, Iterator

import pytest
from brokers import Vhost, eventually
from inbox import Answers, Inbox, bound, message, publish

from winnowry.io.amqp import AmqpBroker, AmqpSettings
from winnowry.io.broker import Broker, Confirm, Queue, Topology
from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.schemas.errors import Terminal, Unreachable

Connect = Callable[[], Broker]


@pytest.fixture(params=["memory", pytest.param("rabbitmq", marks=pytest.mark.e2e)])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """A function that makes another connection to the same broker."""
    opened: list[Broker] = []
    if request.param == "memory":
        server = FakeExchangeServer()
        make: Connect = lambda: FakeBroker(server)  # noqa: E731
    else:
        vhost: Vhost = request.getfixturevalue("vhost")
        make = lambda: AmqpBroker(AmqpSettings(urls=(vhost.url,)))  # noqa: E731

    def another() -> Broker:
        opened.append(make())
        return opened[-1]

    yield another
    for broker in opened:
        broker.close()


@pytest.fixture
def broker(connect: Connect) -> Broker:
    connected = connect()
    connected.declare(bound())
    return connected


def test_a_message_arrives_as_it_was_published(broker: Broker) -> None:
    assert publish(broker, [message(b'{"a": "\xc3\xa9"}', key="v03.a.b", sum="d,0")]) == [Confirm.CONFIRMED]
    inbox = Inbox()
    broker.consume("q_dd", 10, inbox.put)
    (delivery,) = inbox.take(1)
    assert (delivery.body, delivery.exchange, delivery.routing_key, delivery.queue) == (
        b'{"a": "\xc3\xa9"}',
        "xpublic",
        "v03.a.b",
        "q_dd",
    )
    assert (delivery.content_type, delivery.headers) == ("application/json", {"sum": "d,0"})
    assert (delivery.redelivered, delivery.attempt) == (False, 1)


def test_an_empty_body_arrives(broker: Broker) -> None:
    publish(broker, [message(b""), message(b"after")])
    inbox = Inbox()
    broker.consume("q_dd", 10, inbox.put)
    assert [delivery.body for delivery in inbox.take(2)] == [b"", b"after"]


def test_messages_keep_their_order(broker: Broker) -> None:
    bodies = [b"%d" % number for number in range(5000)]
    assert set(publish(broker, [message(body) for body in bodies])) == {Confirm.CONFIRMED}
    inbox = Inbox()
    broker.consume("q_dd", 6000, inbox.put)
    assert [delivery.body for delivery in inbox.take(5000)] == bodies


def test_what_is_settled_does_not_come_again(broker: Broker, connect: Connect) -> None:
    publish(broker, [message(b"%d" % number) for number in range(6)])
    inbox, again = Inbox(), Inbox()
    broker.consume("q_dd", 1000, inbox.put)  # so many that what is settled out of order may wait for what came before it
    deliveries = inbox.take(6)
    broker.settle([deliveries[0], deliveries[1], deliveries[4]])
    broker.settle([deliveries[1], deliveries[5]])
    broker.close()
    other = connect()
    other.consume("q_dd", 10, again.put)
    assert [(delivery.body, delivery.redelivered) for delivery in again.take(2)] == [(b"2", True), (b"3", True)]
    assert (other.depth("q_dd"), again.deliveries) == (0, [])


def test_what_is_put_back_comes_again_in_its_place(broker: Broker) -> None:
    publish(broker, [message(b"%d" % number) for number in range(4)])
    inbox, again = Inbox(), Inbox()
    broker.consume("q_dd", 4, inbox.put)
    deliveries = inbox.take(4)
    broker.cancel("q_dd")
    broker.put_back([deliveries[2], deliveries[1]])
    eventually(lambda: broker.depth("q_dd") == 2)
    broker.settle(deliveries[:1])
    broker.consume("q_dd", 4, again.put)
    assert [(delivery.body, delivery.redelivered) for delivery in again.take(2)] == [(b"1", True), (b"2", True)]


def test_no_more_than_the_prefetch_is_handed_over(broker: Broker) -> None:
    publish(broker, [message(b"%d" % number) for number in range(5)])
    inbox = Inbox()
    broker.consume("q_dd", 2, inbox.put)
    first = inbox.take(2)
    assert broker.depth("q_dd") == 3
    assert inbox.deliveries == []
    broker.settle(first)
    assert [delivery.body for delivery in inbox.take(2)] == [b"2", b"3"]


def test_what_is_settled_out_of_order_makes_room_though_an_older_one_is_held(broker: Broker) -> None:
    publish(broker, [message(b"%d" % number) for number in range(121)])
    inbox = Inbox()
    broker.consume("q_dd", 120, inbox.put)
    first, *others = inbox.take(120)
    broker.settle(others[:1])
    assert [delivery.body for delivery in inbox.take(1)] == [b"120"]
    broker.put_back(others[:1])
    broker.settle([first])
    assert broker.depth("q_dd") == 0


def test_a_cancelled_consumer_keeps_what_it_holds_and_gets_nothing_more(broker: Broker) -> None:
    publish(broker, [message(b"held")])
    inbox = Inbox()
    broker.consume("q_dd", 10, inbox.put)
    held = inbox.take(1)
    broker.cancel("q_dd")
    publish(broker, [message(b"later")])
    assert broker.depth("q_dd") == 1
    assert inbox.deliveries == []
    broker.settle(held)
    broker.consume("q_dd", 10, inbox.put)
    assert [delivery.body for delivery in inbox.take(1)] == [b"later"]


def test_unroutable_messages_are_told_from_the_others(broker: Broker) -> None:
    nowhere = message(b"same", key="v02.a", mandatory=True)
    unasked = message(b"same", key="v02.a")
    there = message(b"same", mandatory=True)
    assert publish(broker, [there, nowhere, unasked, nowhere, there]) == [
        Confirm.CONFIRMED,
        Confirm.UNROUTABLE,
        Confirm.CONFIRMED,
        Confirm.UNROUTABLE,
        Confirm.CONFIRMED,
    ]


def test_the_default_exchange_takes_to_the_queue_by_name(broker: Broker) -> None:
    assert publish(broker, [message(b"x", exchange="", key="q_dd")]) == [Confirm.CONFIRMED]
    assert broker.depth("q_dd") == 1


def test_each_queue_gets_a_copy_of_what_it_is_bound_for(connect: Connect) -> None:
    broker = connect()
    bindings = {"q_star": "v03.*.c", "q_hash": "v03.#", "q_exact": "v03.a"}
    queues = tuple(Queue(name=name, bindings=(("xpublic", key),)) for name, key in bindings.items())
    broker.declare(Topology(exchanges=("xpublic",), queues=queues))
    publish(broker, [message(b"x", key=key) for key in ("v03", "v03.a", "v03.b.c", "v03.b.c.d", "v02.b.c")])
    assert {name: broker.depth(name) for name in bindings} == {"q_star": 1, "q_hash": 4, "q_exact": 1}


def test_two_consumers_share_a_queue(broker: Broker, connect: Connect) -> None:
    mine, theirs = Inbox(), Inbox()
    broker.consume("q_dd", 5, mine.put)
    connect().consume("q_dd", 5, theirs.put)
    publish(broker, [message(b"%d" % number) for number in range(10)])
    assert sorted(delivery.body for delivery in mine.take(5) + theirs.take(5)) == [b"%d" % number for number in range(10)]


def test_what_does_not_exist_is_said_to_be_missing(broker: Broker) -> None:
    with pytest.raises(Terminal, match="not_found"):
        broker.depth("q_nobody")
    with pytest.raises(Terminal, match="not_found"):
        broker.declare(Topology(queues=(Queue(name="q_nobody", passive=True),)))
    assert broker.depth("q_dd") == 0


def test_a_missing_exchange_holds_publishing_and_says_so(broker: Broker) -> None:
    answers = Answers()
    broker.publish([("first", message(b"1")), ("lost", message(b"2", exchange="xlater"))], answers.put)
    eventually(lambda: broker.state().state == "refused")
    assert "xlater" in broker.state().detail
    broker.declare(Topology(exchanges=("xlater",)))
    assert answers.wait(2) == {"first": Confirm.CONFIRMED, "lost": Confirm.CONFIRMED}
    eventually(lambda: broker.state().state == "connected")


def test_a_closed_connection_says_so_and_takes_no_more(broker: Broker) -> None:
    publish(broker, [message(b"x")])
    inbox = Inbox()
    broker.consume("q_dd", 10, inbox.put)
    held = inbox.take(1)
    broker.close()
    assert broker.state().state == "closed"
    broker.settle(held)
    broker.put_back(held)
    broker.close()
    with pytest.raises(Unreachable):
        broker.publish([("token", message(b"x"))], Answers().put)
    with pytest.raises(Unreachable):
        broker.depth("q_dd")
