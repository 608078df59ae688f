from pathlib import Path

import pytest
from relays import Clock

from winnowry.runners.flink.setbacks import IN_VAIN, Setbacks
from winnowry.runners.flink.window import PATIENCE


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000_000.0)


def begin(tmp_path: Path, clock: Clock, times: int, lasting: float) -> Setbacks:
    for _ in range(times):
        last = Setbacks(tmp_path / "begun", clock)
        clock.now += lasting
    return last


def test_after_some_quick_ends_in_a_row_it_is_time_for_care(tmp_path: Path, clock: Clock) -> None:
    assert not begin(tmp_path, clock, IN_VAIN, 5.0).many
    careful = Setbacks(tmp_path / "begun", clock)
    assert (careful.many, careful.sudden) == (True, True)
    careful.progress()
    assert not Setbacks(tmp_path / "begun", clock).many


def test_what_waits_in_vain_for_confirms_is_held_against_no_message(tmp_path: Path, clock: Clock) -> None:
    assert not begin(tmp_path, clock, 10 * IN_VAIN, PATIENCE).many


def test_a_careful_beginning_that_waits_in_vain_for_confirms_is_no_crash(tmp_path: Path, clock: Clock) -> None:
    begin(tmp_path, clock, IN_VAIN + 1, 5.0)
    clock.now += PATIENCE
    careful = Setbacks(tmp_path / "begun", clock)
    assert (careful.many, careful.sudden) == (True, False)


def test_a_file_that_was_cut_short_counts_as_none(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "begun").write_text("7")
    assert not Setbacks(tmp_path / "begun", clock).many
