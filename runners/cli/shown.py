"""Text of others as a terminal may show it: names and messages that came from outside must not command the terminal."""

from rich.text import Text


def shown(text: object) -> str:
    """Return text with everything escaped but what is printable and line feeds: control characters, bidi marks, surrogates.

    >>> print(shown(f"a{chr(27)}[2Jb"))
    a\\u001b[2Jb
    """
    return "".join(character if _is_harmless(character) else _escaped(character) for character in str(text))


def cell(text: object) -> Text:
    """Return text for a table of rich, in which nothing is taken for markup."""
    return Text(shown(text))


def _is_harmless(character: str) -> bool:
    return character.isprintable() or character == "\n"


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
