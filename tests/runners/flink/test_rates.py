from pathlib import Path

from winnowry.runners.flink.rates import rates

BEGAN = 1000.0


def test_the_first_look_tells_the_mean_since_the_job_began(tmp_path: Path) -> None:
    assert rates(tmp_path / "state" / "looks", "job", {"announced": 500}, now=BEGAN + 100, began=BEGAN) == {"announced": 5.0}


def test_later_looks_tell_what_came_since_the_last_one(tmp_path: Path) -> None:
    rates(tmp_path / "looks", "job", {"announced": 500}, now=BEGAN + 100, began=BEGAN)
    found = rates(tmp_path / "looks", "job", {"announced": 1500, "repeat": 20}, now=BEGAN + 120, began=BEGAN)
    assert found == {"announced": 50.0, "repeat": 1.0}


def test_looks_that_follow_quickly_are_all_measured_from_the_last_that_is_old_enough(tmp_path: Path) -> None:
    rates(tmp_path / "looks", "job", {"announced": 100}, now=BEGAN + 100, began=BEGAN)
    for late, expected in ((20.0, 50.0), (21.0, 52.4), (22.0, 54.5)):
        count = 1100 + int(late - 20) * 100
        assert rates(tmp_path / "looks", "job", {"announced": count}, now=BEGAN + 100 + late, began=BEGAN) == {
            "announced": expected
        }


def test_a_job_that_counts_anew_after_a_failure_tells_no_negative_rate(tmp_path: Path) -> None:
    rates(tmp_path / "looks", "job", {"announced": 500}, now=BEGAN + 100, began=BEGAN)
    assert rates(tmp_path / "looks", "job", {"announced": 400}, now=BEGAN + 200, began=BEGAN) == {"announced": 2.0}


def test_another_job_is_another_job(tmp_path: Path) -> None:
    rates(tmp_path / "looks", "job", {"announced": 500}, now=BEGAN + 100, began=BEGAN)
    found = rates(tmp_path / "looks", "another", {"announced": 600}, now=BEGAN + 300, began=BEGAN + 200)
    assert found == {"announced": 6.0}


def test_a_note_that_was_torn_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "looks").write_text('[{"job"')
    assert rates(tmp_path / "looks", "job", {"announced": 100}, now=BEGAN + 100, began=BEGAN) == {"announced": 1.0}
