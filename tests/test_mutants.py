"""The patches of `make mutants` still fit, and each names tests that there are."""

from pathlib import Path

import pytest
from mutants import removed
from safeguards import DEMANDED, SAFEGUARDS, Safeguard

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=lambda safeguard: safeguard.name)
def test_a_patch_still_applies_and_its_tests_are_there(safeguard: Safeguard) -> None:
    without = removed(safeguard, (REPOSITORY / safeguard.file).read_text())
    compile(without, safeguard.file, "exec")
    assert safeguard.tests
    for test in safeguard.tests:
        file, _, name = test.partition("::")
        assert f"def {name}(" in (REPOSITORY / file).read_text(), test


def test_no_safeguard_that_is_demanded_is_left_out() -> None:
    names = [safeguard.name for safeguard in SAFEGUARDS]
    assert len(set(names)) == len(names)
    assert set(DEMANDED) <= set(names)


def test_a_patch_that_does_not_apply_says_so() -> None:
    with pytest.raises(ValueError, match="no longer applies: its text stands 0 times"):
        removed(SAFEGUARDS[0], "something else")
