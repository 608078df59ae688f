"""`make bench-check` fails for a clear loss, and for nothing else."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCH = Path(__file__).parent / "bench"


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCH))
    return import_module("check")


def a_run(rate: int, microseconds: float) -> dict[str, Any]:
    return {"rate": rate, "microseconds": microseconds, "exact": True}


def test_ratios_are_of_runs_that_followed_each_other_and_one_that_was_disturbed_does_not_count(check: ModuleType) -> None:
    bare = [a_run(1000, 50.0), a_run(500, 100.0), a_run(1000, 50.0)]
    relay = [a_run(2000, 25.0), a_run(1000, 50.0), a_run(100, 900.0)]
    found = check.ratios({"bare": bare, "relay": relay, "winnow": bare})
    assert set(found.values()) == {2.0, 1.0}
    assert [name for name, ratio in found.items() if ratio == 2.0] == [name for name in found if name.startswith("relay")]


def test_only_what_has_lost_more_than_a_quarter_is_lost(check: ModuleType) -> None:
    assert check.lost({"a": 0.74, "b": 0.76, "c": 1.9}, {"a": 1.0, "b": 1.0, "c": 1.0}) == ["a"]


def test_what_is_not_recorded_has_lost_nothing(check: ModuleType) -> None:
    assert check.lost({"a": 0.1}, {}) == []


def test_the_table_shows_what_changed_and_what_is_lost(check: ModuleType) -> None:
    lines = check.page({"ratios": {"a": 0.5, "b": 1.1}}, {"ratios": {"a": 1.0, "b": 1.0}})
    assert lines[2:4] == ["| a | 0.50 | 1.00 | -50% | lost |", "| b | 1.10 | 1.00 | +10% |  |"]


def test_what_was_measured_on_a_busy_machine_is_not_believed(check: ModuleType) -> None:
    busy = {"ratios": {"a": 1.0}, "load": 9.0, "processors": 2}
    assert check.is_busy(busy)
    assert check.page({"ratios": {"a": 0.5}, "load": 1.0, "processors": 2}, busy)[-1].endswith("no verdict.")
