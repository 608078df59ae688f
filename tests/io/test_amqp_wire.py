import struct
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pika
import pytest
from pika import spec

from winnowry.io.amqp.consume import Consumer
from winnowry.io.amqp.frames import Encoder, encode_properties, settle_frame
from winnowry.io.amqp.wire import read_content

HEARTBEAT = struct.pack(">BHIB", 8, 0, 0, 0xCE)
PROPERTIES = encode_properties("text/plain", {"sum": "d,0"})


def content(body: bytes, number: int = 3, limit: int = 4) -> bytes:
    """A header frame and body frames of at most ``limit`` bytes each."""
    header = struct.pack(">BHIHHQ", 2, number, 12 + len(PROPERTIES), 60, 0, len(body)) + PROPERTIES + b"\xce"
    return header + Encoder(number).body(body, limit)


@pytest.mark.parametrize("body", [b"", b"abc", b"abcd", b"abcdefghij"])
def test_content_is_read_where_it_lies(body: bytes) -> None:
    data = b"before" + content(body) + b"after"
    assert read_content(data, 6, 3) == (PROPERTIES, body, len(data) - 5)


@pytest.mark.parametrize("body", [b"", b"abc", b"abcdefghij"])
def test_content_that_is_cut_off_anywhere_wants_more(body: bytes) -> None:
    data = content(body)
    for length in range(len(data)):
        missing = read_content(data[:length], 0, 3)
        assert isinstance(missing, int)
        assert length < length - missing <= len(data)


def test_content_with_other_frames_in_between_is_left_to_the_library() -> None:
    data = content(b"abcdefgh")
    middle = data.index(b"abcd\xce") + 5
    assert read_content(HEARTBEAT + data, 0, 3) == 0
    assert read_content(data[:middle] + HEARTBEAT * 3 + data[middle:], 0, 3) == 0
    assert read_content(content(b"abc", number=4), 0, 3) == 0


class Wire:
    """Keeps what is sent, and what is to be done later."""

    def __init__(self) -> None:
        self.inlets: dict[int, Any] = {}
        self.sent: list[bytes] = []
        self.due: list[Callable[[], None]] = []

    def emit(self, data: bytes) -> None:
        self.sent.append(data)

    def later(self, _seconds: float, action: Callable[[], None]) -> None:
        self.due.append(action)

    def pass_time(self) -> None:
        due, self.due = self.due, []
        for action in due:
            action()

    def acknowledged(self) -> bytes:
        """Return what has been sent since the last call."""
        sent, self.sent = self.sent, []
        return b"".join(sent)


def holding(wire: Any, tags: int, prefetch: int = 300) -> Consumer:
    """Return a consumer that holds so many Deliveries, numbered from 1 on."""
    consumer = Consumer("q_dd", 3, wire.later)
    channel: Any = SimpleNamespace(is_open=True, basic_qos=lambda **_: None, basic_consume=lambda *_, **__: None)
    consumer.open(channel, wire, 1, lambda: None)
    consumer.start(prefetch, lambda _: None)
    for tag in range(1, tags + 1):
        method = spec.Basic.Deliver(delivery_tag=tag, exchange="x", routing_key="k")
        consumer._take_slowly(channel, method, pika.BasicProperties(), b"")
    return consumer


def ack(tag: int, multiple: bool = False) -> bytes:
    return settle_frame(3, spec.Basic.Ack.INDEX, tag, multiple)


def test_one_acknowledgement_stands_for_all_before_it() -> None:
    wire = Wire()
    consumer = holding(wire, 5)
    consumer.settle([2, 4])
    assert wire.acknowledged() == b""
    consumer.settle([1])
    assert wire.acknowledged() == ack(2, multiple=True)
    consumer.settle([3])
    assert wire.acknowledged() == ack(4, multiple=True)


def test_who_waits_for_an_older_one_that_is_held_for_long_waits_no_longer() -> None:
    wire = Wire()
    consumer = holding(wire, 5)
    consumer.settle([3, 2])
    wire.pass_time()
    consumer.settle([5])
    assert wire.acknowledged() == b""
    wire.pass_time()
    assert wire.acknowledged() == ack(2) + ack(3)
    wire.pass_time()
    assert wire.acknowledged() == ack(5)
    consumer.settle([1, 4])
    assert (wire.acknowledged(), wire.due) == (ack(4, multiple=True), [])


def test_not_so_many_wait_that_nothing_more_is_delivered() -> None:
    wire = Wire()
    consumer = holding(wire, 102)
    consumer.settle(range(2, 102))
    assert wire.acknowledged() == b""
    consumer.settle([102])
    assert wire.acknowledged() == b"".join(ack(tag) for tag in range(2, 103))


def test_nobody_waits_where_only_few_may_be_unsettled() -> None:
    wire = Wire()
    holding(wire, 3, prefetch=10).settle([2])
    assert wire.acknowledged() == ack(2)


def test_what_was_settled_is_not_put_back() -> None:
    wire = Wire()
    consumer = holding(wire, 3)
    consumer.settle([2])
    consumer.put_back([2])
    consumer.settle_now()
    assert wire.acknowledged() == ack(2)


def test_nothing_is_said_on_a_channel_that_is_being_closed() -> None:
    wire = Wire()
    consumer = holding(wire, 2)
    consumer._channel.is_open = False  # type: ignore[union-attr]
    consumer.settle([2])
    consumer.settle_now()
    assert wire.acknowledged() == b""


def test_a_lost_channel_is_owed_nothing() -> None:
    wire = Wire()
    consumer = holding(wire, 3)
    consumer.settle([2])
    consumer.lose()
    wire.pass_time()
    assert (wire.acknowledged(), wire.due) == (b"", [])


def test_a_consumer_takes_deliveries_alone() -> None:
    acknowledgement = struct.pack(">IQB", 0x003C0050, 1, 0)
    assert holding(Wire(), 0).take(acknowledgement, 0, len(acknowledgement)) == 0
