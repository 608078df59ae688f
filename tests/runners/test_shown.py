import pytest
from hypothesis import given
from hypothesis import strategies as st

from winnowry.runners.cli.shown import cell, shown


@pytest.mark.parametrize("text", ["a b", "caf\xe9 \u65e5", "two\nlines", "[/red] [link=x]"])
def test_what_is_harmless_is_shown_as_it_is(text: str) -> None:
    assert shown(text) == text
    assert cell(text).plain == text


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("\x1b]0;title\x07", "\\u001b]0;title\\u0007"),
        ("a\rb", "a\\u000db"),
        ("\x9b2J", "\\u009b2J"),
        ("evil\u202etxt.exe", "evil\\u202etxt.exe"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_what_would_command_a_terminal_is_escaped(text: str, safe: str) -> None:
    assert shown(text) == safe


@given(st.text(st.characters()))
def test_whatever_is_shown_can_be_printed(text: str) -> None:
    assert shown(text).replace("\n", "").isprintable()
    shown(text).encode()
