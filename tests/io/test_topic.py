import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winnowry.io.topic import takes

words = st.sampled_from(["a", "b", "v03", ""])
keys = st.lists(words, max_size=5).map(".".join)
bindings = st.lists(words | st.sampled_from(["*", "#"]), max_size=5).map(".".join)


@given(keys)
def test_a_hash_takes_everything(key: str) -> None:
    assert takes("#", key)


@given(bindings.filter(lambda binding: "#" not in binding), keys)
def test_without_a_hash_each_word_meets_one_word(binding: str, key: str) -> None:
    patterns = ["[^.]*" if word == "*" else re.escape(word) for word in binding.split(".")]
    same_length = (len(binding.split(".")) if binding else 0) == (len(key.split(".")) if key else 0)
    assert takes(binding, key) == (same_length and re.fullmatch(r"\.".join(patterns), key) is not None)


@pytest.mark.parametrize(
    ("binding", "taken", "left"),
    [
        ("v03.#", ["v03", "v03.a", "v03.a.b"], ["v02", "v03a", ""]),
        ("#.b", ["b", "a.b", "a.a.b"], ["a", "b.a"]),
        ("a.#.b", ["a.b", "a.x.b", "a.x.y.b", "a.b.b"], ["a", "b", "a.b.c"]),
        ("#.#", ["", "a", "a.b"], []),
        ("*", ["a"], ["", "a.b"]),
    ],
)
def test_a_hash_meets_any_number_of_words(binding: str, taken: list[str], left: list[str]) -> None:
    assert [key for key in taken + left if takes(binding, key)] == taken
