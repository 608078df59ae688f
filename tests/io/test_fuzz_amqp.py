"""A broker that sends nonsense breaks a connection at worst, never the thread that holds it."""

import random
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from brokers import Vhost, eventually
from hypothesis import given
from hypothesis import strategies as st
from inbox import Inbox, bound, message, publish
from mutations import NASTY, tables
from proxies import Proxy

from winnowry.io.amqp import AmqpBroker, AmqpSettings
from winnowry.io.amqp.frames import Decoder, decode_properties, encode_properties
from winnowry.io.amqp.wire import read_content
from winnowry.io.broker import Confirm
from winnowry.schemas.errors import Malformed

BROKEN = (IndexError, struct.error)
"""What a frame that is cut short raises: the library breaks the connection for it, and we connect again."""


@st.composite
def garbled(draw: st.DrawFn) -> bytes:
    """Properties as programs send them, with damage done to them."""
    try:
        data = encode_properties(draw(st.text(max_size=20)), draw(tables))
    except Malformed:
        data = b"\x20\x00\x00\x00\x00\x04\x03sumF\x00\x00\x00\x00"
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(data)))
        data = data[:place] + draw(st.binary(max_size=3) | st.sampled_from(NASTY)) + data[place + draw(st.integers(0, 4)) :]
    return data


@given(garbled() | st.binary())
def test_properties_are_read_or_said_to_be_unreadable_and_can_be_sent_on(data: bytes) -> None:
    content_type, headers = decode_properties(data)
    assert content_type is None or isinstance(content_type, str)
    assert all(isinstance(name, str) for name in headers)
    sent = encode_properties(content_type or "", headers)
    assert decode_properties(sent) == decode_properties(encode_properties(*map(_plain, decode_properties(sent))))


def _plain(value: Any) -> Any:
    return "" if value is None else value


@given(st.binary(max_size=40))
def test_a_route_is_read_or_broken(data: bytes) -> None:
    try:
        exchange, key = Decoder().route(data)
    except BROKEN:
        return
    assert len(exchange.encode()) <= 255
    assert len(key.encode()) <= 255


frames = st.builds(
    lambda size, rest: struct.pack(">BHIHHQ", 2, 3, 14, 60, 0, size) + rest, st.integers(0, 2**64 - 1), st.binary()
)


@given(st.binary(max_size=60) | frames)
def test_content_is_read_or_waited_for_or_broken(data: bytes) -> None:
    try:
        content = read_content(data, 0, 3)
    except BROKEN:
        return
    assert isinstance(content, int) or content[2] <= len(data)


def garble(data: bytes, chance: random.Random = random.Random(4)) -> bytes:  # noqa: B008 - the same garbage each time
    """Change a byte of every hundred."""
    changed = bytearray(data)
    for _ in range(1 + len(changed) // 100):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def test_a_frame_longer_than_any_may_be_is_not_waited_for(broker_at: Callable[..., AmqpBroker]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as endless:
        broker = broker_at(f"amqp://guest:guest@127.0.0.1:{endless.getsockname()[1]}/")
        taken, _ = endless.accept()
        taken.sendall(struct.pack(">BHI", 1, 0, 2**31) + bytes(100))
        eventually(lambda: "longer than any" in broker.state().detail, what="the end of a connection that talks nonsense")
        taken.close()


@pytest.mark.e2e
def test_a_broker_that_talked_nonsense_for_a_while_is_consumed_again(vhost: Vhost) -> None:
    sent = {f"message {number}".encode() for number in range(500)}
    with Proxy(vhost.broker.port) as way:
        url = vhost.url.replace(f":{vhost.broker.port}/", f":{way.port}/")
        broker, inbox = AmqpBroker(AmqpSettings(urls=(url,), retry_ceiling=0.2)), Inbox()
        broker.declare(bound())
        broker.consume("q_dd", 100, inbox.put)
        way.garble = garble
        vhost.publish("xpublic", "v03.a", *sent)
        eventually(lambda: broker.state().state != "connected", what="a connection broken by nonsense")
        way.garble = None
        way.cut()
        seen: set[bytes] = set()
        while not sent <= seen:
            (delivery,) = inbox.take(1)
            seen.add(delivery.body)
            broker.settle([delivery])
        assert publish(broker, [message(b"x")]) == [Confirm.CONFIRMED]
        broker.close()
