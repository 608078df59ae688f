from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from winnowry.io.later_store import HELD_BY, LaterStore
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import DiskTrouble
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

SECOND = 1_000_000_000
FIRST = Delivery(body=b"\x00{}", queue="q_dd.subscribe", exchange="xpublic", headers={"sum": "d,0"}, tag=7, epoch=3)
AGAIN = replace(FIRST, tag=1, epoch=0, attempt=2, held_by=HELD_BY)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LaterStore]:
    opened = LaterStore(tmp_path / "later.db")
    yield opened
    opened.close()


def test_a_postponed_delivery_comes_back_when_it_is_due_and_once(store: LaterStore) -> None:
    store.postpone([(FIRST, 10.0, Reason.UNREACHABLE)], now=0)
    assert store.next_due() == 10 * SECOND
    assert store.due(10 * SECOND - 1) == []
    assert store.due(10 * SECOND) == [AGAIN]
    assert store.due(10 * SECOND) == []
    assert store.next_due() is None


def test_what_was_not_forgotten_comes_back_after_a_restart(store: LaterStore, tmp_path: Path) -> None:
    store.postpone([(FIRST, 0.0, Reason.TWIN_ELSEWHERE), (FIRST, 1.0, Reason.UNREACHABLE)], now=0)
    first, second = store.due(SECOND)
    store.forget([first])
    assert LaterStore(tmp_path / "later.db").due(SECOND) == [second]
    assert (first.attempt, second.attempt) == (1, 2)


def test_those_due_first_come_first_and_no_more_than_asked_for(store: LaterStore) -> None:
    store.postpone([(replace(FIRST, body=b"%d" % delay), delay, Reason.UNREACHABLE) for delay in (3, 1, 2)], now=0)
    assert [delivery.body for delivery in store.due(5 * SECOND, limit=2)] == [b"1", b"2"]
    assert [delivery.body for delivery in store.due(5 * SECOND, limit=2)] == [b"3"]


def test_deliveries_of_a_broker_are_not_forgotten_here(store: LaterStore) -> None:
    store.postpone([(FIRST, 0.0, Reason.UNREACHABLE)], now=0)
    store.forget([replace(FIRST, tag=1)])
    assert store.due(0) == [AGAIN]


def test_a_dead_letter_is_kept_resubmitted_or_dropped(store: LaterStore) -> None:
    outcome = Outcome(ending=Ending.FAILED, reason=Reason.GONE, delivery=replace(FIRST, attempt=4), detail="é" * 400)
    other = Outcome(ending=Ending.MALFORMED, reason=Reason.BODY_UNREADABLE, delivery=replace(FIRST, body=b"?"))
    store.bury([outcome, other], now=5)
    letter, malformed = store.browse()
    assert (letter.ending, letter.reason, letter.attempts, letter.when, letter.message.body) == (
        "failed",
        "gone",
        4,
        5,
        b"\x00{}",
    )
    assert len(letter.detail.encode()) == 500
    assert store.resubmit([letter.name], now=6) == 1
    assert [(delivery.body, delivery.attempt) for delivery in store.due(6)] == [(b"\x00{}", 1)]
    assert store.drop([malformed.name, "unknown"]) == 1
    assert store.browse() == []


def test_a_folder_where_the_store_should_be_is_trouble_with_the_disk(tmp_path: Path) -> None:
    wrong = tmp_path / "later.db"
    wrong.mkdir()
    with pytest.raises(DiskTrouble, match=r"later\.db"):
        LaterStore(wrong)
