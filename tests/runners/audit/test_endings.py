from pathlib import Path

import pytest
from scenes import Scene, a_file


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A `sarra` that has moved one file well."""
    scene = Scene(tmp_path)
    scene.moves("well")
    return scene


def test_a_post_that_goes_its_whole_way_is_all_right(scene: Scene) -> None:
    verdict = scene.verdict()
    assert verdict.findings == []
    figures = verdict.figures["pump"]
    assert (figures["entered"], figures["announced"], figures["lost"]) == (1, 1, 0)


def test_a_post_without_any_ending_is_lost_and_named(scene: Scene) -> None:
    scene.enters(a_file("vanished"))
    assert [str(found) for found in scene.verdict().findings] == [
        "pump: lost: entered, and neither ended nor waits: 'vanished'"
    ]


def test_a_message_that_is_no_post_needs_a_dead_letter(scene: Scene) -> None:
    identity = scene.enters(b"nonsense")
    assert scene.wrong() == [("lost", 1)]
    scene.buries(identity, "malformed")
    assert scene.wrong() == []


def test_what_waits_is_not_lost_but_no_more_than_wait(scene: Scene) -> None:
    scene.enters(a_file("one"))
    scene.enters(a_file("two"))
    scene.holding.waiting = 2
    assert (scene.wrong(), scene.verdict().figures["pump"]["queued"]) == ([], 2)
    scene.holding.waiting = 1
    assert scene.wrong() == [("lost", 1)]


def test_what_is_in_a_later_queue_is_not_lost(scene: Scene) -> None:
    scene.holding.later = frozenset([scene.enters(a_file("one"))])
    assert (scene.wrong(), scene.verdict().figures["pump"]["later"]) == ([], 1)


def test_a_post_that_came_twice_is_one_and_may_end_as_a_repeat_too(scene: Scene) -> None:
    post = scene.moves("twice")
    scene.enters(post)
    scene.reports(post, "repeat", "known_content")
    figures = scene.verdict().figures["pump"]
    assert (scene.wrong(), figures["entered"], figures["arrivals"], figures["announced"]) == ([], 2, 3, 2)


def test_an_older_word_that_comes_again_contradicts_nothing(scene: Scene) -> None:
    scene.reports(scene.moves("again"), "refused", "superseded")
    assert scene.wrong() == []


@pytest.mark.parametrize(("ending", "reason"), [("failed", "gone"), ("refused", "too_large"), ("quarantined", "scan_rejected")])
def test_endings_that_contradict_each_other_are_found(scene: Scene, ending: str, reason: str) -> None:
    scene.reports(scene.moves("torn"), ending, reason)
    assert scene.wrong() == [("contradiction", 1)]


def test_a_dead_letter_of_what_was_announced_is_a_contradiction(scene: Scene) -> None:
    post = scene.moves("torn")
    scene.buries(scene.enters(post))
    assert scene.wrong() == [("contradiction", 1)]


@pytest.mark.parametrize(("ending", "reason"), [("refused", "no idea"), ("refused", ""), ("vanished", "gone")])
def test_a_report_without_a_known_ending_and_reason_is_found(scene: Scene, ending: str, reason: str) -> None:
    post = a_file("why")
    scene.buries(scene.enters(post), "refused")
    scene.reports(post, ending, reason)
    assert scene.wrong() == [("without reason", 1)]


def test_a_dead_letter_without_a_reason_is_found(scene: Scene) -> None:
    scene.buries(scene.enters(b"nonsense"), reasoned=False)
    assert scene.wrong() == [("without reason", 1)]


def test_a_repeat_of_what_nobody_announced_is_a_loss(scene: Scene) -> None:
    post = a_file("unsaid")
    scene.enters(post)
    scene.reports(post, "repeat", "known_content")
    assert scene.wrong() == [("unfounded repeat", 1)]
    assert scene.wrong(whole=False) == []


def test_the_repeat_of_another_announcement_of_the_same_is_all_right(scene: Scene) -> None:
    scene.moves("twin")
    twin = a_file("twin", at=5, base_url="https://elsewhere.example.org/")
    scene.enters(twin)
    scene.reports(twin, "repeat", "known_content")
    assert (scene.wrong(), scene.verdict().figures["pump"]["repeat"]) == ([], 1)


def test_what_was_announced_without_a_report_is_found(scene: Scene) -> None:
    post = a_file("quiet")
    scene.enters(post)
    scene.announces(post)
    scene.places("alice/quiet")
    assert scene.wrong() == [("unreported", 1)]


def test_what_was_announced_or_reported_and_never_entered_is_foreign(scene: Scene) -> None:
    scene.announces(a_file("from nowhere"))
    scene.places("alice/from nowhere")
    scene.reports(a_file("of nowhere"), "refused", "too_old")
    scene.buries(b"nobody")
    assert scene.wrong() == [("foreign", 1)] * 3
    assert scene.wrong(whole=False) == []


def test_a_winnow_has_announced_the_one_and_stopped_the_other(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "winnow")
    first, second, other = a_file("same"), a_file("same", at=1), a_file("same", b"other", at=2)
    for post in (first, second, other):
        scene.enters(post)
    scene.announces(first)
    assert scene.wrong() == [("lost", 1)]
    scene.announces(other)
    figures = scene.verdict().figures["pump"]
    assert (scene.wrong(), figures["announced"], figures["repeat"]) == ([], 2, 1)


def test_a_shovel_stops_nothing(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "shovel")
    for post in (a_file("same"), a_file("same", at=1)):
        scene.enters(post)
    scene.announces(a_file("same"))
    assert scene.wrong() == [("lost", 1)]


def test_counters_tell_of_what_a_pump_without_reports_refuses(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "shovel", reports=None)
    scene.enters(a_file("left alone"))
    assert scene.wrong() == [("lost", 1)]
    scene.holding.silent = 1
    assert (scene.wrong(), scene.verdict().figures["pump"]["silent"]) == ([], 1)


def test_an_instance_that_died_is_told_where_nobody_kills_on_purpose(scene: Scene) -> None:
    scene.holding.complaints.append("instance 1 died")
    assert (scene.wrong(), scene.wrong(whole=False)) == ([], [("dead instance", 1)])
