from pathlib import Path

import pytest
from scenes import Scene, a_file


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A `sarra` that has moved two files well."""
    scene = Scene(tmp_path)
    scene.moves("a/one", b"first content")
    scene.moves("two", b"second content")
    return scene


def test_copies_that_are_what_was_announced_are_intact(scene: Scene) -> None:
    assert scene.verdict().figures[str(scene.root)] == {"intact": 2, "leftovers": 0, "corrupt": 0, "foreign": 0, "missing": 0}


@pytest.mark.parametrize("content", [b"first", b"First content", b""], ids=["short", "damaged", "empty"])
def test_a_copy_that_is_not_what_was_announced_is_corrupt(scene: Scene, content: bytes) -> None:
    scene.places("alice/a/one", content)
    assert [str(found) for found in scene.verdict().findings] == [
        f"{scene.root}: corrupt: not what was announced: 'alice/a/one'"
    ]


def test_a_copy_that_is_gone_is_missing(scene: Scene) -> None:
    (scene.root / "alice" / "two").unlink()
    assert scene.wrong() == [("missing", 1)]


def test_a_file_that_nobody_announced_is_foreign(scene: Scene) -> None:
    scene.places("alice/a/uninvited")
    assert scene.wrong() == [("foreign", 1)]


def test_what_was_there_before_the_audit_began_is_left_alone(scene: Scene) -> None:
    scene.places("alice/older")
    assert scene.wrong(whole=False, window=(2.0**40, 2.0**41)) == []
    assert scene.wrong(whole=False, window=(0.0, 2.0**41)) == [("foreign", 1)]


def test_a_piece_under_a_name_of_its_own_is_a_leftover_and_no_fault(scene: Scene) -> None:
    scene.places("alice/a/.one.0123.winnowry", b"fir")
    assert (scene.wrong(), scene.verdict().figures[str(scene.root)]["leftovers"]) == ([], 1)


def test_a_link_in_the_place_of_a_file_is_corrupt(scene: Scene) -> None:
    (scene.root / "alice" / "two").unlink()
    (scene.root / "alice" / "two").symlink_to("a/one")
    assert scene.wrong() == [("corrupt", 1)]


def test_what_was_announced_anew_has_to_be_the_newer_content(scene: Scene) -> None:
    scene.moves("two", b"third content", at=9)
    assert scene.wrong() == []
    scene.places("alice/two", b"second content")
    assert scene.wrong() == [("corrupt", 1)]


def test_links_and_folders_are_compared_too(scene: Scene) -> None:
    for post in (a_file("shortcut", file_op={"link": "a/one"}), a_file("drawer", file_op={"directory": ""})):
        scene.enters(post)
        scene.announces(post)
        scene.reports(post, "announced", "operation_done")
    (scene.root / "alice" / "drawer").mkdir()
    (scene.root / "alice" / "shortcut").symlink_to("a/one")
    assert scene.wrong() == []
    (scene.root / "alice" / "shortcut").unlink()
    (scene.root / "alice" / "shortcut").symlink_to("two")
    assert scene.wrong() == [("corrupt", 1)]


def test_a_consumer_has_what_was_delivered_to_it_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "subscribe")
    scene.moves("a")
    scene.moves("a", b"new", at=1)
    scene.moves("a", at=2)
    assert scene.wrong() == []
    scene.moves("a", at=3)
    assert scene.wrong() == [("doubled", 1)]


def test_a_consumer_without_reports_is_judged_by_its_folder(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "subscribe", reports=None)
    scene.enters(a_file("there"))
    scene.places("there")
    assert (scene.wrong(), scene.verdict().figures["pump"]["delivered"]) == ([], 1)
    scene.enters(a_file("not there"))
    assert scene.wrong() == [("lost", 1)]


def test_a_consumer_may_take_away_what_it_was_given(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "subscribe", keeps=False)
    scene.moves("taken")
    (tmp_path / "taken").unlink()
    assert scene.wrong() == []


def test_the_crash_between_commit_and_report_leaves_only_a_repeat_to_be_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "subscribe")
    post = a_file("a")
    scene.enters(post)
    scene.places("a")
    scene.reports(post, "repeat", "known_content")
    assert scene.wrong() == []
    (tmp_path / "a").unlink()
    assert scene.wrong() == [("missing", 1)]
