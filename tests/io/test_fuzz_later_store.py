"""Whatever a broker can hand over can be kept on our own disk, and comes back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mutations import tables

from winnowry.io.amqp.frames import decode_properties, encode_properties
from winnowry.io.later_store import HELD_BY, LaterStore
from winnowry.schemas.arrival import identify
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Malformed
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason


@pytest.fixture(scope="module")
def store() -> Iterator[LaterStore]:
    with TemporaryDirectory() as folder:
        made = LaterStore(Path(folder) / "later.sqlite")
        yield made
        made.close()


def handed_over(table: dict[str, Any], body: bytes) -> Delivery | None:
    """Return what comes off the wire; None where AMQP has no room for the table."""
    try:
        content_type, headers = decode_properties(encode_properties("text/plain", table))
    except Malformed:
        return None
    return Delivery(body=body, queue="q", exchange="xpublic", routing_key="v03.é", content_type=content_type, headers=headers)


@given(tables, st.binary(max_size=20))
@example({"when": datetime(2026, 1, 1, tzinfo=UTC), "exact": Decimal("1.5")}, b"")
@example({"inner": [{"x": datetime(1970, 1, 1, tzinfo=UTC)}]}, b"")
@example({"long": 2**63 - 1, "less": -(2**63), "bytes": b"\xff", "none": None, "not a number": float("nan")}, b"\xff")
def test_a_delivery_with_any_headers_comes_back_as_itself(store: LaterStore, table: dict[str, Any], body: bytes) -> None:
    delivery = handed_over(table, body)
    if delivery is None:
        return
    store.postpone([(delivery, 0.0, Reason.UNREACHABLE)], 0)
    (back,) = store.due(0)
    store.forget([back])
    assert (back.body, back.queue, back.routing_key, back.attempt, back.held_by) == (body, "q", "v03.é", 2, HELD_BY)
    assert back.headers.keys() == delivery.headers.keys()
    assert identify(back) == identify(delivery)


@given(tables, st.binary(max_size=20), st.text(st.characters()))
def test_a_dead_letter_with_any_headers_is_kept(store: LaterStore, table: dict[str, Any], body: bytes, detail: str) -> None:
    delivery = handed_over(table, body)
    if delivery is None:
        return
    store.bury([Outcome(ending=Ending.FAILED, reason=Reason.BUG, delivery=delivery, detail=detail)], 0)
    (letter,) = store.browse()
    assert store.drop([letter.name]) == 1
    assert (letter.message.body, letter.message.headers.keys()) == (body, delivery.headers.keys())
