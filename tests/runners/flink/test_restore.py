from pathlib import Path

from flink_points import complete

from winnowry.runners.flink.restore import restore_points


def test_the_newest_complete_point_comes_first_whatever_its_kind(tmp_path: Path) -> None:
    savepoint = complete(tmp_path / "savepoints" / "savepoint-1", at=20.0)
    older = complete(tmp_path / "checkpoints" / "job1" / "chk-9", at=10.0)
    newer = complete(tmp_path / "checkpoints" / "job2" / "chk-2", at=30.0)
    found = restore_points(tmp_path / "savepoints", tmp_path / "checkpoints", ["job1", "job2"])
    assert [(point.folder, point.savepoint) for point in found] == [(newer, False), (savepoint, True), (older, False)]
    assert found[1].url == f"file://{savepoint}"


def test_what_was_never_completed_is_passed_over(tmp_path: Path) -> None:
    complete(tmp_path / "checkpoints" / "job" / "chk-3", at=10.0)
    (tmp_path / "checkpoints" / "job" / "chk-4").mkdir()
    (tmp_path / "checkpoints" / "job" / "shared").mkdir()
    torn = tmp_path / "savepoints" / "savepoint-1"
    torn.mkdir(parents=True)
    (torn / "_metadata").touch()
    found = restore_points(tmp_path / "savepoints", tmp_path / "checkpoints", ["job"])
    assert [point.folder.name for point in found] == ["chk-3"]


def test_checkpoints_of_other_pumps_are_passed_over(tmp_path: Path) -> None:
    complete(tmp_path / "checkpoints" / "another" / "chk-1", at=10.0)
    assert restore_points(tmp_path / "savepoints", tmp_path / "checkpoints", ["job"]) == []
