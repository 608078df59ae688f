import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from house import ROOMS

REPOSITORY = Path(__file__).parents[1]
FILES = sorted(path.relative_to(REPOSITORY) for room in ROOMS for path in (REPOSITORY / room).rglob("*.py"))
POSTPONED = ("TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error")


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Return the functions of a file with their lengths in lines."""
    for node in ast.walk(ast.parse((REPOSITORY / path).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", FILES, ids=str)
def test_file_is_read_in_a_minute_or_two(path: Path) -> None:
    assert (REPOSITORY / path).read_text().count("\n") <= 250
    assert [(name, length) for name, length in functions(path) if length > 40] == []


@pytest.mark.parametrize("path", FILES, ids=str)
def test_nothing_is_put_off(path: Path) -> None:
    text = (REPOSITORY / path).read_text()
    assert [word for word in POSTPONED if word in text] == []


def test_functions_are_short() -> None:
    assert median(length for path in FILES for _, length in functions(path)) < 10


def test_unforeseen_errors_are_caught_in_one_place() -> None:
    handlers = [str(path) for path in FILES if "except Exception" in (REPOSITORY / path).read_text()]
    assert len(handlers) <= 1, handlers
