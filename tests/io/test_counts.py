import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from winnowry.io.counts import Counts
from winnowry.schemas.errors import DiskTrouble
from winnowry.schemas.rate import Slot, Sums

ALL = Slot(0, 10, "all", "")
ALICE = Slot(0, 10, "source", "alicé")
NEXT = Slot(10, 20, "all", "")
QUEUE = "q_feeder.count"

Open = Callable[..., Counts]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Open]:
    """Begin another life of the store; the one before is closed."""
    opened: list[Counts] = []

    def again(**settings: int) -> Counts:
        while opened:
            opened.pop().close()
        opened.append(Counts(tmp_path / "counts", **settings))
        return opened[-1]

    yield again
    for counts in opened:
        counts.close()


def page(*entries: tuple[int, bytes], turn: int = 1) -> dict[str, tuple[int, list[tuple[int, bytes]]]]:
    return {QUEUE: (turn, [(tag, identity * 16) for tag, identity in entries])}


def test_sums_grow_until_they_are_told_and_outlive_the_process(begin: Open) -> None:
    begin().add({ALL: Sums(good=1, lag_max=5), ALICE: Sums(good=1)}, {}, 10)
    counts = begin()
    counts.add({ALL: Sums(good=2, lag_max=3)}, {}, 10)
    assert counts.over(10, 10) == [(ALL, Sums(good=3, lag_max=5)), (ALICE, Sums(good=1))]
    assert counts.over(9, 10) == []


def test_windows_are_told_whole_and_in_their_order_and_no_more_than_asked_for(begin: Open) -> None:
    counts = begin()
    counts.add({NEXT: Sums(good=1), ALICE: Sums(good=1), ALL: Sums(good=2)}, {}, 10)
    assert counts.over(100, 1) == [(ALL, Sums(good=2)), (ALICE, Sums(good=1))]


def test_a_window_that_was_told_is_told_again_whole_when_it_has_grown(begin: Open) -> None:
    counts = begin()
    counts.add({ALL: Sums(good=1), ALICE: Sums(good=1)}, {}, 10)
    counts.told(counts.over(10, 10))
    assert counts.over(10, 10) == []
    counts.add({ALL: Sums(good=4)}, {}, 10)
    assert counts.over(10, 10) == [(ALL, Sums(good=5)), (ALICE, Sums(good=1))]


def test_what_has_grown_while_it_was_told_is_told_again(begin: Open) -> None:
    counts = begin()
    counts.add({ALL: Sums(good=1), ALICE: Sums(good=1)}, {}, 10)
    telling = counts.over(10, 10)
    counts.add({ALL: Sums(good=1)}, {}, 10)
    counts.told(telling)
    assert counts.over(10, 10) == [(ALL, Sums(good=2)), (ALICE, Sums(good=1))]


def test_what_was_told_long_ago_is_forgotten(begin: Open) -> None:
    counts = begin()
    counts.add({ALL: Sums(good=1), NEXT: Sums(good=1)}, {}, 10)
    counts.told(counts.over(20, 10))
    counts.forget_told(15)
    counts.add({ALL: Sums(good=1), NEXT: Sums(good=1)}, {}, 10)
    assert counts.over(20, 10) == [(ALL, Sums(good=1)), (NEXT, Sums(good=2))]


def test_the_roll_of_a_queue_is_in_the_order_of_turns_and_tags(begin: Open) -> None:
    counts = begin()
    counts.add({}, page((7, b"b"), (5, b"a")), 10)
    counts.add({}, page((6, b"x")) | {"q_other": (1, [(1, b"y" * 16)])}, 10)
    begin().add({}, page((1, b"c"), turn=2), 10)
    assert begin().roll(QUEUE) == (2, [identity * 16 for identity in (b"a", b"x", b"b", b"c")])
    assert begin().roll("q_new") == (0, [])


def test_of_a_roll_no_more_than_what_may_be_unsettled_is_kept(begin: Open) -> None:
    counts = begin()
    for tag in range(20):
        counts.add({}, page((2 * tag, b"a"), (2 * tag + 1, bytes([tag]))), 5)
    _, roll = begin().roll(QUEUE)
    assert roll == [b"a" * 16, bytes([17]) * 16, b"a" * 16, bytes([18]) * 16, b"a" * 16, bytes([19]) * 16]


def test_rolls_can_be_forgotten_and_sums_stay(begin: Open) -> None:
    counts = begin()
    counts.add({ALL: Sums(good=1)}, page((1, b"a")), 10)
    counts.forget_rolls()
    assert (counts.roll(QUEUE), counts.over(10, 10)) == ((0, []), [(ALL, Sums(good=1))])
    counts.add({}, page((1, b"b")), 10)
    assert begin().roll(QUEUE) == (1, [b"b" * 16])


def test_a_full_store_grows(begin: Open) -> None:
    counts = begin(map_size=64 * 1024)
    slots = {Slot(0, 10, "source", f"{number:090}"): Sums(good=1) for number in range(3000)}
    counts.add(slots, {}, 10)
    assert len(counts.over(10, 5000)) == 3000


def test_only_one_process_counts_in_a_folder(begin: Open, tmp_path: Path) -> None:
    begin()
    with pytest.raises(DiskTrouble, match="another process counts"):
        Counts(tmp_path / "counts")


def test_a_damaged_store_is_moved_aside_and_begun_anew(begin: Open, tmp_path: Path) -> None:
    begin().add({ALL: Sums(good=1)}, {}, 10)
    begin().close()
    data = tmp_path / "counts" / "store" / "data.mdb"
    with data.open("r+b") as file:
        file.write(os.urandom(8192))
    assert Counts(tmp_path / "counts").over(10, 10) == []
    assert [aside.name.partition("-")[0] for aside in (tmp_path / "counts").glob("store.*")] == ["store.damaged"]
