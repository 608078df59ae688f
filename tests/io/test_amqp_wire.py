import struct

import pytest

from winnowry.io.amqp.consume import Consumer
from winnowry.io.amqp.frames import Encoder, encode_properties
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


def test_a_consumer_takes_deliveries_alone() -> None:
    ack = struct.pack(">IQB", 0x003C0050, 1, 0)
    assert Consumer("q_dd", 3).take(ack, 0, len(ack)) == 0
