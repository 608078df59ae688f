from pathlib import Path

from flink_points import complete

from winnowry.runners.flink.embedded import forget, going_on, last_point


def test_a_pump_goes_on_where_its_last_run_left_off(tmp_path: Path) -> None:
    complete(tmp_path / "checkpoints" / "job1" / "chk-9", at=10.0)
    newest = complete(tmp_path / "checkpoints" / "job2" / "chk-4", at=30.0)
    complete(tmp_path / "checkpoints" / "job2" / "chk-3", at=20.0)
    (tmp_path / "checkpoints" / "job3" / "chk-1").mkdir(parents=True)
    found = last_point(tmp_path)
    assert found is not None
    assert found.folder == newest


def test_a_pump_that_never_ran_begins_with_nothing(tmp_path: Path) -> None:
    assert last_point(tmp_path) is None


def test_checkpoints_of_runs_long_ago_are_removed(tmp_path: Path) -> None:
    for number in range(1, 5):
        complete(tmp_path / "checkpoints" / f"job{number}" / "chk-9", at=number * 10.0)
    (tmp_path / "checkpoints" / "job5" / "chk-1").mkdir(parents=True)
    forget(tmp_path)
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"job3", "job4"}


def test_flink_is_told_where_to_go_on_by_its_own_settings(tmp_path: Path) -> None:
    newest = complete(tmp_path / "checkpoints" / "job" / "chk-4", at=30.0)
    assert set(going_on(last_point(tmp_path)).values()) == {newest.as_uri()}
    assert going_on(None) == {}
