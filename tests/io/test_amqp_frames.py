from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winnowry.io.amqp.frames import Decoder, Encoder, decode_properties, encode_properties
from winnowry.schemas import wire
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.errors import Malformed

names = st.text(max_size=60)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@given(st.text(max_size=60), st.dictionaries(names, values, max_size=5))
def test_headers_come_back_as_they_were_sent(content_type: str, headers: dict[str, object]) -> None:
    assert decode_properties(encode_properties(content_type, headers)) == (content_type, headers)


@pytest.mark.parametrize("value", [b"\xff\x00", datetime(2026, 1, 1, tzinfo=UTC), 2**31, -(2**31) - 1])
def test_values_of_other_types_come_back(value: object) -> None:
    assert decode_properties(encode_properties("", {"v": value}))[1] == {"v": value}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**63, str(2**63)),
        (Decimal("1E+30"), "1E+30"),
        (Decimal("NaN"), "NaN"),
        (Decimal("1.5"), "1.5"),
        (1e30, str(int(1e30))),
    ],
)
def test_numbers_that_do_not_fit_are_text(value: object, text: str) -> None:
    assert decode_properties(encode_properties("", {"v": value}))[1] == {"v": text}


@given(st.binary(max_size=200))
def test_no_properties_stop_the_reader(data: bytes) -> None:
    content_type, headers = decode_properties(data)
    assert content_type is None or isinstance(content_type, str)
    assert all(isinstance(name, str) for name in headers)


@given(st.binary(max_size=120))
def test_what_was_read_can_be_sent(data: bytes) -> None:
    content_type, headers = decode_properties(data)
    assert encode_properties(content_type or "", headers)


@pytest.mark.parametrize("data", [b"\x20", b"nonsense", encode_properties("text/plain", {"x": "x" * 40_000})])
def test_what_properties_that_cannot_be_read_said_of_a_body_is_not_guessed(data: bytes) -> None:
    content_type, headers = decode_properties(data)
    line = Delivery(body=b"20260101000000.5 http://h/ a", queue="q", exchange="x", content_type=content_type, headers=headers)
    with pytest.raises(Malformed, match="unreadable properties"):
        wire.read(line)


def test_what_has_no_room_is_refused() -> None:
    for content_type, headers in (("x" * 256, {}), ("", {"x" * 256: ""}), ("", {"x": object()})):
        with pytest.raises(Malformed, match="field_invalid"):
            encode_properties(content_type, headers)


def test_a_body_is_cut_into_frames_of_the_size_that_fits() -> None:
    frames = Encoder(1).body(b"abcde", 2)
    assert frames == (
        b"\x03\x00\x01\x00\x00\x00\x02ab\xce" + b"\x03\x00\x01\x00\x00\x00\x02cd\xce" + b"\x03\x00\x01\x00\x00\x00\x01e\xce"
    )


def test_equal_routes_are_not_confused_with_mandatory_ones() -> None:
    encoder = Encoder(1)
    plain = Message(body=b"", exchange="x", routing_key="k", content_type="t")
    asked = Message(body=b"", exchange="x", routing_key="k", content_type="t", mandatory=True)
    assert encoder.head(plain) != encoder.head(asked)
    assert encoder.head(plain) == encoder.head(plain)


def test_routes_that_are_no_text_are_read_without_what_is_none() -> None:
    assert Decoder().route(b"\x02xs\x04a\xff.b") == ("xs", "a.b")
