"""`make faults` counts what it should, and goes on where it stopped."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from consecutive import UNFINISHED

CASES = """
from pathlib import Path

def test_steady():
    count("steady")

def test_fickle():
    assert count("fickle") != {fails}

def test_interrupted():
    if count("interrupted") == {interrupted}:
        raise KeyboardInterrupt

def count(name):
    file = Path(__file__).with_name(name + ".count")
    file.write_text(file.read_text() + "." if file.exists() else ".")
    return len(file.read_text())
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A repository with a suite in it, committed."""
    pytester.makefile(".ini", pytest="[pytest]")
    pytester.makefile("", **{".gitignore": "*.count\n__pycache__\n"})
    git(pytester, "init", "--quiet")
    write_cases(pytester)
    return pytester


def git(suite: pytest.Pytester, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=suite.path, check=True, capture_output=True)


def commit(suite: pytest.Pytester) -> None:
    git(suite, "add", "--all")
    git(suite, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "Change")


def write_cases(suite: pytest.Pytester, fails: int = -1, interrupted: int = -1) -> None:
    suite.makepyfile(test_it=CASES.format(fails=fails, interrupted=interrupted))
    commit(suite)


def run(suite: pytest.Pytester, rounds: int, *more: str) -> tuple[int, str]:
    """Return the exit code and the last words."""
    options = ("-p", "consecutive", f"--rounds={rounds}", "--evidence=docs/it.json", *more)
    done = suite.runpytest_inprocess(*options, no_reraise_ctrlc=True)
    return int(done.ret), done.stdout.str()


def recorded(suite: pytest.Pytester) -> dict[str, Any]:
    return dict(json.loads((suite.path / "docs" / "it.json").read_text()))


def outcomes(suite: pytest.Pytester) -> list[list[str]]:
    return [[ended["outcome"] for ended in cases.values()] for cases in recorded(suite)["rounds"]]


def times_run(suite: pytest.Pytester, case: str) -> int:
    return len((suite.path / f"{case}.count").read_text())


def test_each_case_runs_as_often_as_rounds_were_asked_for_and_is_recorded(suite: pytest.Pytester) -> None:
    code, words = run(suite, 3)
    assert code == 0
    assert "passed: 3 of 3 rounds in a row, 3 cases each" in words
    assert times_run(suite, "steady") == 3
    assert outcomes(suite) == [["passed"] * 3] * 3
    page = (suite.path / "docs" / "it.md").read_text()
    assert "| `test_fickle` |" in page
    assert recorded(suite)["commit"] in page


def test_a_failed_case_ends_the_count_but_not_the_run(suite: pytest.Pytester) -> None:
    write_cases(suite, fails=2)
    code, words = run(suite, 3)
    assert code == 1
    assert "failed: 1 of 3 rounds in a row" in words
    assert "round 2: test_it.py::test_fickle" in words
    assert outcomes(suite) == [["passed"] * 3, ["passed", "failed", "passed"], ["passed"] * 3]


def test_an_interrupted_run_goes_on_where_it_stopped_also_when_pages_changed_since(suite: pytest.Pytester) -> None:
    write_cases(suite, interrupted=2)
    assert run(suite, 3)[0] == 2
    assert outcomes(suite) == [["passed"] * 3, ["passed"] * 2, []]
    commit(suite)  # the record itself
    code, words = run(suite, 3)
    assert (code, "passed: 3 of 3 rounds in a row" in words) == (0, True)
    assert [times_run(suite, case) for case in ("steady", "fickle", "interrupted")] == [3, 3, 4]


def test_a_failure_before_the_interruption_still_counts(suite: pytest.Pytester) -> None:
    write_cases(suite, fails=1, interrupted=2)
    run(suite, 2)
    code, words = run(suite, 2)
    assert (code, "failed: 0 of 2 rounds in a row" in words) == (1, True)


def test_a_process_may_run_one_round_and_say_that_more_are_to_come(suite: pytest.Pytester) -> None:
    write_cases(suite, fails=1)
    assert [run(suite, 3, "--at-a-time=1")[0] for _ in range(3)] == [UNFINISHED, UNFINISHED, 1]
    assert outcomes(suite) == [["passed", "failed", "passed"], ["passed"] * 3, ["passed"] * 3]


def test_what_a_case_tells_of_itself_is_recorded_for_each_round(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        test_it="from random import random\n\ndef test_it(record_property):\n    record_property('lost', random())\n"
    )
    commit(suite)
    run(suite, 2, "--title=Told")
    told = [cases["test_it.py::test_it"]["told"]["lost"] for cases in recorded(suite)["rounds"]]
    assert told[0] != told[1]
    page = (suite.path / "docs" / "it.md").read_text()
    assert page.startswith("# Told\n")
    assert page.endswith(f"| round | lost |\n| --- | --- |\n| 1 | {told[0]} |\n| 2 | {told[1]} |\n")


def test_changed_code_begins_anew(suite: pytest.Pytester) -> None:
    write_cases(suite, interrupted=2)
    run(suite, 3)
    write_cases(suite, interrupted=-2)
    assert run(suite, 3)[0] == 0
    assert times_run(suite, "steady") == 5


def test_more_rounds_add_to_those_that_are_there_and_a_finished_run_begins_anew(suite: pytest.Pytester) -> None:
    run(suite, 1)
    run(suite, 3)
    assert times_run(suite, "steady") == 3
    run(suite, 3)
    assert times_run(suite, "steady") == 6


def test_files_that_differ_from_the_commit_are_told_of_and_never_gone_on_with(suite: pytest.Pytester) -> None:
    Path(suite.path / "more.py").write_text("")
    _, words = run(suite, 1)
    assert "files differ from the commit" in words
    assert recorded(suite)["dirty"]
    run(suite, 2)
    assert times_run(suite, "steady") == 3
