import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pika
import pytest
import trustme
from brokers import Vhost, eventually
from inbox import Answers, Inbox, bound, message, publish
from proxies import Proxy, through

from winnowry.io.amqp import AmqpBroker, AmqpSettings, connect
from winnowry.io.broker import Confirm, Queue, Topology
from winnowry.io.later import strip
from winnowry.schemas.arrival import identify
from winnowry.schemas.errors import ConfigError, Malformed, Terminal, Unreachable

Connect = Callable[..., AmqpBroker]


def port(url: str) -> int:
    return urlsplit(url).port or 5672


def test_passwords_are_not_shown() -> None:
    settings = AmqpSettings(urls=("amqp://alice:se:cr@et@localhost:1/", "amqps://bob:hidden@localhost:2/"))
    assert repr(settings) == "AmqpSettings('amqp://alice@localhost:1/', 'amqps://bob@localhost:2/')"


@pytest.mark.parametrize(
    "url",
    [
        "localhost",
        "http://localhost/",
        "amqp://",
        "amqp://localhost:port/",
        "amqp://[::1/",
        "amqp://alice@h/",
        "amqp://h/?heartbeat=x",
    ],
)
def test_what_is_no_url_of_a_broker_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigError, match="is not a broker's URL"):
        AmqpSettings(urls=(url,))


def test_certificates_that_cannot_be_read_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ca_file"):
        AmqpSettings(urls=("amqps://localhost/",), ca_file=str(tmp_path / "missing.pem"))


def test_a_name_that_is_too_long_for_amqp_is_refused_before_anything_is_sent(broker_at: Connect) -> None:
    broker = broker_at("amqp://localhost:1/")
    for wrong in (message(b"", key="é" * 128), message(b"", **{"x" * 256: "y"}), message(b"", header=object())):
        with pytest.raises(Malformed):
            broker.publish([("token", wrong)], Answers().put)


def test_a_broker_that_is_away_is_said_to_be_unreachable(broker_at: Connect) -> None:
    broker = broker_at("amqp://guest:hidden@127.0.0.1:1/", patience=0.5)
    with pytest.raises(Unreachable, match="Connection refused"):
        broker.depth("q_dd")
    assert (broker.state().state, broker.state().detail) == ("connecting", "connection: Connection refused")


@pytest.mark.e2e
def test_one_configuration_has_one_connection(vhost: Vhost) -> None:
    settings = AmqpSettings(urls=(vhost.url,))
    first = connect(settings)
    assert connect(AmqpSettings(urls=(vhost.url,))) is first
    first.close()
    second = connect(settings)
    assert second is not first
    second.close()


@pytest.mark.e2e
def test_a_wrong_password_is_shown_and_never_leaves(vhost: Vhost, broker_at: Connect) -> None:
    parts = urlsplit(vhost.url)
    broker = broker_at(parts._replace(netloc=f"nobody:wrong@{parts.hostname}:{parts.port}").geturl())
    eventually(lambda: broker.state().state == "refused")
    assert "does not accept this user" in broker.state().detail
    assert "wrong" not in broker.state().detail + broker.name


@pytest.mark.e2e
def test_the_next_url_is_tried_when_one_is_away(vhost: Vhost, broker_at: Connect) -> None:
    broker = broker_at("amqp://guest:guest@127.0.0.1:1/", vhost.url)
    broker.declare(bound())
    assert broker.state().state == "connected"


@pytest.mark.e2e
def test_a_broken_connection_loses_nothing_and_keeps_the_order(vhost: Vhost, broker_at: Connect) -> None:
    with Proxy(port(vhost.url)) as proxy:
        broker = broker_at(through(proxy, vhost.url))
        broker.declare(bound())
        answers = Answers()
        for start in range(0, 20_000, 500):
            broker.publish([(number, message(b"%d" % number)) for number in range(start, start + 500)], answers.put)
            if start in (3000, 9000, 15_000):
                answers.wait(start // 2)
                proxy.cut()
        assert set(answers.wait(20_000).values()) == {Confirm.CONFIRMED}
    arrived = [int(body) for body in vhost.take("q_dd", vhost.depth("q_dd"))]
    assert list(dict.fromkeys(arrived)) == list(range(20_000))


@pytest.mark.e2e
def test_after_a_broken_connection_old_deliveries_are_passed_over(vhost: Vhost, broker_at: Connect) -> None:
    with Proxy(port(vhost.url)) as proxy:
        broker = broker_at(through(proxy, vhost.url))
        broker.declare(bound())
        inbox = Inbox()
        broker.consume("q_dd", 10, inbox.put)
        publish(broker, [message(b"1"), message(b"2")])
        old = inbox.take(2)
        proxy.cut()
        new = inbox.take(2)
        assert [delivery.body for delivery in new] == [b"1", b"2"]
        assert {delivery.epoch for delivery in new}.isdisjoint(delivery.epoch for delivery in old)
        broker.settle(old)
        broker.put_back(old)
        broker.settle(new[:1])
        publish(broker, [message(b"3")])
        assert [delivery.body for delivery in inbox.take(1)] == [b"3"]
        assert broker.state().state == "connected"
        proxy.cut()
        assert [delivery.body for delivery in inbox.take(1)] == [b"2"]


@pytest.mark.e2e
def test_a_queue_that_vanished_is_declared_again(vhost: Vhost, broker_at: Connect) -> None:
    broker = broker_at(vhost.url)
    broker.declare(bound())
    inbox = Inbox()
    broker.consume("q_dd", 10, inbox.put)
    publish(broker, [message(b"before")])
    broker.settle(inbox.take(1))
    with vhost.connect() as other:
        other.channel().queue_delete("q_dd")
    eventually(lambda: vhost.broker.bindings("xpublic", vhost.name) != [])
    publish(broker, [message(b"after")])
    assert inbox.take(1)[0].body == b"after"
    eventually(lambda: broker.state().state == "connected")


@pytest.mark.e2e
@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_bytes_may_come_in_any_pieces(vhost: Vhost, broker_at: Connect, piece: int) -> None:
    with Proxy(port(vhost.url), piece=piece) as proxy:
        broker = broker_at(through(proxy, vhost.url))
        broker.declare(bound())
        inbox = Inbox()
        broker.consume("q_dd", 100, inbox.put)
        bodies = [b"%d" % number * number for number in range(50)]
        assert set(publish(broker, [message(body, name=str(len(body))) for body in bodies])) == {Confirm.CONFIRMED}
        assert [delivery.body for delivery in inbox.take(50)] == bodies


@pytest.mark.e2e
def test_bodies_of_many_frames_go_out_and_come_in_whole(vhost: Vhost, broker_at: Connect) -> None:
    broker = broker_at(vhost.url)
    broker.declare(bound())
    inbox = Inbox()
    broker.consume("q_dd", 10, inbox.put)
    bodies = [bytes([number]) * size for number, size in enumerate((131_064, 131_065, 1_048_576, 5_000_000, 1))]
    publish(broker, [message(body) for body in bodies])
    assert [delivery.body for delivery in inbox.take(len(bodies))] == bodies


@pytest.mark.e2e
def test_permission_denied_is_shown_and_holds_publishing_alone(vhost: Vhost, broker_at: Connect) -> None:
    vhost.queue("q_dd")
    vhost.add_exchange("xpublic")
    broker = broker_at(vhost.add_user("dd", configure="", write="q_dd", read="q_dd"))
    inbox, answers = Inbox(), Answers()
    broker.consume("q_dd", 10, inbox.put)
    broker.publish([(1, message(b"denied"))], answers.put)
    eventually(lambda: broker.state().state == "refused")
    assert "publishing" in broker.state().detail
    assert "access to exchange 'xpublic'" in broker.state().detail
    vhost.publish("", "q_dd", b"consumed")
    assert inbox.take(1)[0].body == b"consumed"
    vhost.queue("q_out", "xpublic")
    vhost.broker.permit("dd", "", ".*", "q_dd", vhost=vhost.name)
    assert answers.wait(1) == {1: Confirm.CONFIRMED}
    eventually(lambda: broker.state().state == "connected")
    assert vhost.take("q_out", 1) == [b"denied"]


@pytest.mark.e2e
def test_good_messages_beside_a_denied_one_are_not_published_with_every_attempt(vhost: Vhost, broker_at: Connect) -> None:
    vhost.add_exchange("xpublic")
    vhost.add_exchange("xprivate")
    vhost.queue("q_out", "xpublic")
    broker = broker_at(vhost.add_user("dd", configure="", write="xpublic", read=""))
    answers = Answers()
    good = [(number, message(b"%d" % number)) for number in range(20)]
    broker.publish([*good, ("denied", message(b"", exchange="xprivate"))], answers.put)
    assert len(answers.wait(20)) == 20
    eventually(lambda: broker.state().state == "refused")
    vhost.broker.permit("dd", "", ".*", "", vhost=vhost.name)
    answers.wait(21)
    assert vhost.depth("q_out") <= 40


@pytest.mark.e2e
def test_a_denied_queue_is_shown_and_consumed_once_it_is_permitted(vhost: Vhost, broker_at: Connect) -> None:
    vhost.queue("q_bobby")
    vhost.publish("", "q_bobby", b"x")
    broker = broker_at(vhost.add_user("bob", configure="", write="", read="^$"))
    with pytest.raises(Terminal, match="access_denied"):
        broker.declare(Topology(queues=(Queue(name="q_bobby"),)))
    inbox = Inbox()
    broker.consume("q_bobby", 10, inbox.put)
    eventually(lambda: "q_bobby" in broker.state().detail)
    assert broker.state().state == "refused"
    vhost.broker.permit("bob", "", "", ".*", vhost=vhost.name)
    assert inbox.take(1)[0].body == b"x"
    eventually(lambda: broker.state().state == "connected")


@pytest.mark.e2e
def test_a_queue_that_is_full_refuses(vhost: Vhost, broker_at: Connect) -> None:
    with vhost.connect() as other:
        channel = other.channel()
        channel.queue_declare("q_small", durable=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    broker = broker_at(vhost.url)
    answers = [publish(broker, [message(b"x", exchange="", key="q_small")])[0] for _ in range(3)]
    assert (answers[0], answers[-1]) == (Confirm.CONFIRMED, Confirm.REFUSED)


@pytest.mark.e2e
def test_a_quorum_queue_keeps_what_is_returned_often_and_it_stays_the_same(vhost: Vhost, broker_at: Connect) -> None:
    broker = broker_at(vhost.url)
    broker.declare(Topology(queues=(Queue(name="q_safe", kind="quorum"),)))
    publish(broker, [message(b"x", exchange="", key="q_safe")])
    inbox = Inbox()
    broker.consume("q_safe", 1, inbox.put)
    seen = set()
    for _ in range(30):
        taken = inbox.take(1)
        seen.add(identify(strip(taken[0])))
        broker.put_back(taken)
    assert inbox.take(1)[0].body == b"x"
    assert len(seen) == 1


@pytest.mark.e2e
def test_properties_that_nobody_can_read_do_not_stop_the_queue(vhost: Vhost, broker_at: Connect) -> None:
    broker = broker_at(vhost.url)
    broker.declare(bound())
    nested: dict[str, object] = {}
    for _ in range(200):
        nested = {"n": nested}
    with vhost.connect() as other:
        channel = other.channel()
        for headers in (nested, {"none": None, "list": [1, {"a": True}], "long": 2**40, "bytes": b"\xff"}):
            channel.basic_publish("xpublic", "v03.a", b"x", pika.BasicProperties(headers=headers))
    inbox = Inbox()
    broker.consume("q_dd", 10, inbox.put)
    first, second = inbox.take(2)
    assert first.headers == {}
    assert second.headers == {"none": None, "list": [1, {"a": True}], "long": 2**40, "bytes": b"\xff"}
    assert second.content_type is None


@pytest.mark.e2e
def test_tls_is_verified(vhost: Vhost, broker_at: Connect, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with Proxy(port(vhost.url), tls=context) as proxy:
        url = through(proxy, vhost.url, "amqps")
        trusting = broker_at(url, ca_file=str(ca_file))
        trusting.declare(bound())
        assert publish(trusting, [message(b"x" * 300_000)]) == [Confirm.CONFIRMED]
        doubting = broker_at(url)
        eventually(lambda: "certificate" in doubting.state().detail.lower())
        assert doubting.state().state == "refused"


@pytest.mark.e2e
def test_calls_from_many_threads_do_not_meet(vhost: Vhost, broker_at: Connect) -> None:
    broker = broker_at(vhost.url)
    broker.declare(bound())
    answers = Answers()

    def send(start: int) -> None:
        for number in range(start, start + 1000, 10):
            broker.publish([(token, message(b"%d" % token)) for token in range(number, number + 10)], answers.put)

    threads = [threading.Thread(target=send, args=(start,)) for start in range(0, 4000, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers.wait(4000).values()) == {Confirm.CONFIRMED}
    assert {int(body) for body in vhost.take("q_dd", 4000)} == set(range(4000))


def test_a_server_that_never_answers_does_not_keep_us_from_closing(broker_at: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker = broker_at(f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}/")
        taken, _ = silent.accept()
        broker.close()
        taken.close()
    assert broker.state().state == "closed"


@pytest.mark.e2e
def test_connections_that_break_again_and_again_come_back(vhost: Vhost, broker_at: Connect) -> None:
    with Proxy(port(vhost.url)) as proxy:
        broker = broker_at(through(proxy, vhost.url), retry_ceiling=0.1)
        broker.declare(bound())
        inbox, answers = Inbox(), Answers()
        broker.consume("q_dd", 10, inbox.put)
        for number in range(60):
            broker.publish([(number, message(b"%d" % number))], answers.put)
            proxy.cut()
        answers.wait(60)
        seen: set[int] = set()
        while len(seen) < 60:
            deliveries = inbox.take(1)
            seen.update(int(delivery.body) for delivery in deliveries)
            broker.settle(deliveries)
        assert seen == set(range(60))


@pytest.mark.e2e
def test_a_connection_lives_while_the_application_is_busy(vhost: Vhost, broker_at: Connect) -> None:
    broker = broker_at(vhost.url, heartbeat=1)
    broker.declare(bound())
    before = broker.state()
    busy_until = time.monotonic() + 4
    while time.monotonic() < busy_until:
        sum(range(10_000))
    assert publish(broker, [message(b"x")]) == [Confirm.CONFIRMED]
    assert broker.state() == before


@pytest.mark.e2e
def test_thousands_that_nobody_takes_are_each_told(vhost: Vhost, broker_at: Connect) -> None:
    broker = broker_at(vhost.url)
    broker.declare(bound())
    messages = [message(b"same", key="v02.a" if number % 3 else "v03.a", mandatory=True) for number in range(6000)]
    expected = [Confirm.UNROUTABLE if number % 3 else Confirm.CONFIRMED for number in range(6000)]
    assert publish(broker, messages) == expected
