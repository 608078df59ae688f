"""Real messages with damage done to them, for fuzzers."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from hostile_bytes import messages
from hostile_fields import fields
from hostile_paths import paths
from hostile_posts import posts
from hypothesis import strategies as st
from strategies import anything

from winnowry.schemas.delivery import BODY_LIMIT, Delivery
from winnowry.schemas.v03 import KNOWN

GOLDEN = Path(__file__).parents[1] / "schemas" / "golden"
NASTY = (
    b"..", b"/", b"../", b"\0", b"\\u0000", b"\\ud800", b"\xff", b"\xed\xa0\x80", b'"', b"\\", b"{", b"}", b"[", b",", b":",
    b"null", b"true", b"NaN", b"1e999", b"-1", b"9" * 40, b"\n", b"\r\n", b"%2e%2e", b" ", b"\x1b[2J", b"file:", b"report",
    b"fileOp", b"link", b"originPath", b"_x", b"new_", b"\xef\xbb\xbf",
)  # fmt: skip
"""What breaks readers."""


@cache
def _real() -> tuple[bytes, ...]:
    """Messages of existing networks, and short ones of the hostile corpus."""
    golden = [file.read_bytes() for file in sorted(GOLDEN.glob("v0*.json"))]
    lines = [json.loads(body)["body"].encode() for body in golden if b'"headers"' in body]
    corpus = [message.body for message in (*posts(), *paths(), *fields(), *messages()) if len(message.body) < 1000]
    return (*golden, *lines, *corpus)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real message of which pieces were cut, doubled, overwritten, or replaced by what breaks readers."""
    body = draw(st.sampled_from(_real()))
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(body)))
        stop = min(len(body), start + draw(st.integers(0, 8)))
        piece = draw(st.sampled_from(NASTY) | st.binary(max_size=4) | st.just(body[start:stop] * 2))
        body = body[:start] + piece + body[stop:]
    return body


said = st.dictionaries(
    st.sampled_from([*sorted(KNOWN), "integrity", "retPath", "parts", "sum", "link", "oldname", "report", "replayId"]),
    anything | st.sampled_from(["..", "../x", "a/../b", "/x", "a", "a\0", "file:/etc", "http://h/", "r,0", "1,2,3,4,5"]),
)
"""Arbitrary values in every field that means something."""


@st.composite
def composed(draw: st.DrawFn) -> bytes:
    """A well-formed object with the fields that every Post has, and arbitrary others."""
    plain: dict[str, Any] = {"pubTime": "20260101T000000.5", "baseUrl": "http://127.0.0.1/", "relPath": "a/b"}
    return json.dumps(plain | draw(said)).encode()


names = st.sampled_from(["sum", "parts", "link", "oldname", "mtime", "mode", "source", "x-death", "winnowry_attempt", "_x", ""])
tables = st.dictionaries(
    names | st.text(st.characters(codec="utf-8"), max_size=20), anything | st.binary(max_size=20) | st.dates(), max_size=5
)
"""Tables of headers, of any types."""
deliveries = st.builds(
    Delivery,
    body=(damaged() | composed() | st.binary()).filter(lambda body: len(body) <= BODY_LIMIT),
    queue=st.just("q_feeder.ingest.alice"),
    exchange=st.just("xs_alice"),
    routing_key=st.sampled_from(["v03.a", "v02.post.a", "v00.a", ""]) | st.text(st.characters(codec="utf-8"), max_size=60),
    content_type=st.none() | st.sampled_from(["application/json", "text/plain", ""]) | st.text(max_size=20),
    headers=st.just({}) | tables,
    tag=st.just(1),
)
"""Whatever a broker might hand over."""
