import threading

import pytest
from inbox import Answers, Inbox, bound, message, publish

from winnowry.io.broker import Confirm, Queue, Topology
from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Terminal, Unreachable


def connected(server: FakeExchangeServer) -> FakeBroker:
    broker = FakeBroker(server)
    broker.declare(bound())
    return broker


def test_callbacks_have_run_when_a_call_returns() -> None:
    broker, inbox, answers = connected(FakeExchangeServer()), Inbox(), Answers()
    broker.consume("q_dd", 10, inbox.put)
    broker.publish([("token", message(b"x"))], answers.put)
    assert [delivery.body for delivery in inbox.deliveries] == [b"x"]
    assert answers.confirms == [("token", Confirm.CONFIRMED)]


def test_a_callback_may_call_the_broker() -> None:
    broker, seen = connected(FakeExchangeServer()), []

    def relay(delivery: Delivery) -> None:
        seen.append(delivery.body)
        if len(delivery.body) < 5:
            broker.publish(
                [(delivery, message(delivery.body + b"x"))], lambda answers: broker.settle([token for token, _ in answers])
            )

    broker.consume("q_dd", 1, relay)
    publish(broker, [message(b"x")])
    assert seen == [b"x", b"xx", b"xxx", b"xxxx", b"xxxxx"]


def test_a_dropped_connection_hands_out_again_under_another_epoch() -> None:
    server = FakeExchangeServer()
    broker, inbox = connected(server), Inbox()
    broker.consume("q_dd", 10, inbox.put)
    publish(broker, [message(b"1"), message(b"2")])
    old = inbox.take(2)
    broker.drop()
    new = inbox.take(2)
    assert [(delivery.body, delivery.redelivered) for delivery in new] == [(b"1", True), (b"2", True)]
    broker.settle(old)
    broker.put_back(old)
    broker.settle(new)
    broker.close()
    assert server.bodies("q_dd") == []


def test_blocked_publishing_waits_and_shows() -> None:
    server = FakeExchangeServer()
    broker, answers = connected(server), Answers()
    server.block("low on disk")
    broker.publish([("token", message(b"x"))], answers.put)
    assert (broker.state().state, broker.state().detail, answers.confirms) == ("blocked", "low on disk", [])
    server.unblock()
    assert (broker.state().state, answers.confirms) == ("connected", [("token", Confirm.CONFIRMED)])


def test_a_full_queue_refuses() -> None:
    server = FakeExchangeServer()
    broker = connected(server)
    server.full.add("q_dd")
    assert publish(broker, [message(b"x")]) == [Confirm.REFUSED]
    assert server.bodies("q_dd") == []


def test_a_binding_to_a_missing_exchange_is_terminal() -> None:
    with pytest.raises(Terminal, match="xnowhere"):
        connected(FakeExchangeServer()).declare(Topology(queues=(Queue(name="q_dd", bindings=(("xnowhere", "#"),)),)))


def test_a_closed_connection_takes_no_calls() -> None:
    broker = connected(FakeExchangeServer())
    broker.close()
    with pytest.raises(Unreachable):
        broker.publish([], Answers().put)


def test_threads_publish_and_consume_side_by_side() -> None:
    server = FakeExchangeServer()
    broker, inbox, answers = connected(server), Inbox(), Answers()
    broker.consume("q_dd", 0, inbox.put)

    def send(start: int) -> None:
        mine = FakeBroker(server)
        for number in range(start, start + 200):
            mine.publish([(number, message(b"%d" % number))], answers.put)

    threads = [threading.Thread(target=send, args=(start,)) for start in range(0, 800, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers.wait(800)) == set(range(800))
    assert {int(delivery.body) for delivery in inbox.take(800)} == set(range(800))
