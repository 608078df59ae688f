"""Reading and publishing from a pipeline that knows nothing else of this software."""

from collections.abc import Iterator

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to
from brokers import Vhost
from inbox import Inbox, bound, message, publish

from winnowry.io.amqp import AmqpBroker, AmqpSettings
from winnowry.io.amqp.read import ReadFromAmqp
from winnowry.io.amqp.write import WriteToAmqp
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.errors import ConfigError

pytestmark = pytest.mark.e2e


@pytest.fixture
def broker(vhost: Vhost) -> Iterator[AmqpBroker]:
    connected = AmqpBroker(AmqpSettings(urls=(vhost.url,)))
    connected.declare(bound())
    yield connected
    connected.close()


def pipeline() -> beam.Pipeline:
    return beam.Pipeline(runner="FnApiRunner")


def body_of(element: Delivery | Message) -> bytes:
    return element.body


def burst(_delivery: Delivery) -> None:
    raise OSError("the sink broke")


def test_what_is_read_is_settled_when_the_bundle_is_committed(vhost: Vhost, broker: AmqpBroker) -> None:
    publish(broker, [message(b"%d" % number, n=str(number)) for number in range(30)])
    with pipeline() as graph:
        deliveries = graph | ReadFromAmqp(urls=(vhost.url,), queue="q_dd", idle_seconds=0.3)
        assert_that(deliveries | beam.Reshuffle() | beam.Map(body_of), equal_to([b"%d" % number for number in range(30)]))
    assert vhost.depth("q_dd") == 0


def test_no_more_than_was_asked_for_is_read(vhost: Vhost, broker: AmqpBroker) -> None:
    publish(broker, [message(b"%d" % number) for number in range(5)])
    with pipeline() as graph:
        deliveries = graph | ReadFromAmqp(urls=(vhost.url,), queue="q_dd", max_messages=2)
        assert_that(deliveries | beam.Map(body_of), equal_to([b"0", b"1"]))
    assert vhost.take("q_dd", 3) == [b"2", b"3", b"4"]


def test_what_a_failed_pipeline_had_read_is_delivered_again(vhost: Vhost, broker: AmqpBroker) -> None:
    publish(broker, [message(b"kept")])
    with pytest.raises(OSError, match="the sink broke"), pipeline() as graph:
        graph | ReadFromAmqp(urls=(vhost.url,), queue="q_dd", idle_seconds=0.3) | beam.Map(burst)
    inbox = Inbox()
    broker.consume("q_dd", 1, inbox.put)
    assert [(delivery.body, delivery.redelivered) for delivery in inbox.take(1)] == [(b"kept", True)]


def test_a_queue_that_is_not_there_fails_the_pipeline(vhost: Vhost) -> None:
    with pytest.raises(Exception, match="not_found"), pipeline() as graph:
        graph | ReadFromAmqp(urls=(vhost.url,), queue="q_nobody")


def test_pairs_and_messages_are_published_and_what_nobody_takes_is_told(vhost: Vhost, broker: AmqpBroker) -> None:
    elements = [("v03.a", b"1"), ("v02.a", b"2"), message(b"3"), message(b"4", key="v02.a")]
    with pipeline() as graph:
        made = graph | beam.Create(elements, reshuffle=False)
        written = made | WriteToAmqp(urls=(vhost.url,), exchange="xpublic", mandatory=True)
        assert_that(written.published | "of published" >> beam.Map(body_of), equal_to([b"1", b"3", b"4"]), "published")
        assert_that(written.unroutable | "of unroutable" >> beam.Map(body_of), equal_to([b"2"]), "unroutable")
    assert vhost.take("q_dd", 2) == [b"1", b"3"]


def test_a_refusal_fails_the_pipeline(vhost: Vhost) -> None:
    with vhost.connect() as other:
        arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
        other.channel().queue_declare("q_small", durable=True, arguments=arguments)
    with pytest.raises(Exception, match="broker_refused"), pipeline() as graph:
        graph | beam.Create([("q_small", b"x")] * 50, reshuffle=False) | WriteToAmqp(urls=(vhost.url,))


def test_settings_are_checked_at_construction() -> None:
    with pytest.raises(ConfigError, match="max_messages"):
        ReadFromAmqp(urls=("amqp://localhost/",), queue="q_dd", max_messages=0)
    with pytest.raises(ConfigError, match="is not a broker's URL"):
        WriteToAmqp(urls=("localhost",))


def test_passwords_are_not_shown_by_the_transforms() -> None:
    url = "amqp://alice:hidden@localhost/"
    assert "hidden" not in repr(ReadFromAmqp(urls=(url,), queue="q_dd")) + repr(WriteToAmqp(urls=(url,)))
