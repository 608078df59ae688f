import pytest
from hypothesis import given
from hypothesis import strategies as st

from winnowry.schemas.topics import LIMIT, binding_key, topic_of


@pytest.mark.parametrize(
    ("rel_path", "topic"),
    [
        ("foo.txt", "v03"),
        ("a/b/foo 1#x.txt", "v03.a.b"),
        ("/a/f", "v03..a"),
        ("a//b/f", "v03.a..b"),
        ("a.b/c/f", "v03.a.b.c"),
        ("a#/*b/f", "v03.a%23.%22b"),
        ("a b/f", "v03.a b"),
        ("a/", "v03.a"),
    ],
)
def test_topic_holds_the_folders_and_not_the_name(rel_path: str, topic: str) -> None:
    assert topic_of(rel_path) == topic


def test_prefix_of_any_length_is_kept() -> None:
    assert topic_of("a/f", prefix="v02.post") == "v02.post.a"


def test_long_topic_is_cut_between_characters() -> None:
    topic = topic_of("é" * 200 + "/f")
    assert topic == "v03." + "é" * 125
    assert len(topic.encode()) == LIMIT - 1


@given(st.text(min_size=1, max_size=400), st.text(max_size=20))
def test_topic_always_fits_and_starts_with_its_prefix(folder: str, name: str) -> None:
    topic = topic_of(f"{folder}/{name}")
    assert topic.startswith("v03.")
    assert len(topic.encode()) <= LIMIT
    assert "#" not in topic
    assert "*" not in topic


@pytest.mark.parametrize(
    ("subtopic", "prefix", "key"),
    [
        ("#", "v03", "v03.#"),
        ("*.WXO-DD.observations.#", "v02.post", "v02.post.*.WXO-DD.observations.#"),
        ("a/b/#", "v03", "v03.a.b.#"),
    ],
)
def test_binding_key_keeps_its_wildcards(subtopic: str, prefix: str, key: str) -> None:
    assert binding_key(subtopic, prefix) == key
