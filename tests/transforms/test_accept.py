import pickle

import pytest
from arrivals import an_arrival
from lists import check_branches

from winnowry.schemas.errors import ConfigError
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.accept import Accept, accept
from winnowry.transforms.filters import Filters


def selected(filters: Filters, path: str) -> bool:
    result = accept(an_arrival(rel_path=path), filters)
    if isinstance(result, Outcome):
        assert (result.ending, result.reason) == (Ending.REFUSED, Reason.NOT_SELECTED)
    return not isinstance(result, Outcome)


def test_everything_is_selected_without_patterns() -> None:
    assert selected(Filters(), "any/thing")


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("**/*.bufr", "x.bufr", True),
        ("**/*.bufr", "a/b/x.bufr", True),
        ("**/*.bufr", "a/x.bufr.tmp", False),
        ("a/*/x", "a/b/x", True),
        ("a/*/x", "a/b/c/x", False),
        ("a/**", "a/b/c", True),
        ("a/**/x", "a/x", True),
        ("*.bufr", "deep/down/x.bufr", True),
        ("a/?.txt", "a/é.txt", True),
        ("a/?.txt", "a//.txt", False),
        ("a/[a-c]", "a/b", True),
        ("a/[!a-c]", "a/b", False),
        ("**/.*", "a/.hidden", True),
        ("**/.*", "a/x.hidden", False),
        ("a+b/(c)", "a+b/(c)", True),
        ("**/*.txt", "a/line\nfeed.txt", True),
        ("re:.*/b/.*", "a/b/c", True),
        ("re:https://example.org/a/", "a/b", True),
        ("re:a/b", "a/b", False),
    ],
)
def test_pattern_selects_what_its_writer_means(pattern: str, path: str, expected: bool) -> None:
    assert selected(Filters(accept=(pattern,)), path) is expected


def test_reject_wins_over_accept() -> None:
    filters = Filters(accept=("**/*.bufr",), reject=("**/.*",))
    assert selected(filters, "a/x.bufr")
    assert not selected(filters, "a/.x.bufr")


def test_what_matches_nothing_is_selected_when_there_are_only_rejects() -> None:
    assert selected(Filters(reject=("*.tmp",)), "a/x.bufr")


def test_first_matching_rule_decides() -> None:
    filters = Filters(rules=(("accept", "re:.*/keep/.*"), ("reject", "re:.*/a/.*"), ("accept", "re:.*")))
    assert selected(filters, "a/keep/x")
    assert not selected(filters, "a/x")
    assert selected(filters, "b/x")


@pytest.mark.parametrize("pattern", ["re:(", "", "a/[z-a]"])
def test_unreadable_pattern_is_named_at_construction(pattern: str) -> None:
    with pytest.raises(ConfigError, match="pattern ") as error:
        Filters(reject=(pattern,))
    assert repr(pattern) in str(error.value)


def test_unknown_verdict_is_named() -> None:
    with pytest.raises(ConfigError, match="'maybe'"):
        Filters(rules=(("maybe", "a"),))


def test_filters_travel_to_a_worker() -> None:
    filters = Filters(accept=("**/*.bufr",))
    assert selected(filters, "x.bufr")
    assert pickle.loads(pickle.dumps(filters)) == filters


@pytest.mark.timeout(30)
@pytest.mark.parametrize("fields", [{"rel_path": "." * 500_000}, {"base_url": "http://h/" + "." * 500_000}])
def test_path_that_would_keep_a_pattern_busy_for_ever_is_refused_at_once(fields: dict[str, str]) -> None:
    outcome = accept(an_arrival(**fields), Filters(accept=("*.*.*.x", r"re:.*\..*\..*\.x")))
    assert isinstance(outcome, Outcome)
    assert (outcome.ending, outcome.reason) == (Ending.REFUSED, Reason.PATH_UNUSABLE)
    assert len(outcome.detail) < 5000


def test_arrivals_go_on_or_end() -> None:
    wanted, unwanted = an_arrival(rel_path="x.bufr"), an_arrival(rel_path="x.tmp")
    filters = Filters(reject=("*.tmp",))
    check_branches(Accept(filters=filters), [wanted, unwanted], going_on=[wanted], ended=[accept(unwanted, filters)])
