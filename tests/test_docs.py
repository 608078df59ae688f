"""What the pages name is there."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from winnowry.runners.cli.app import app

REPOSITORY = Path(__file__).parents[1]
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
ROOMS = ("schemas/", "transforms/", "io/", "pipelines/", "runners/", "tests/", "docs/", "examples/", "scripts/")
ENDINGS = (".py", ".md", ".yaml", ".toml", ".lock", ".avsc", ".sh")
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
QUOTED = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^```.*?^```\n", re.MULTILINE | re.DOTALL)
MADE_BY_READERS = frozenset({"cluster.yaml", "docs/decisions/NNNN-title.md"})


def text_of(page: Path) -> str:
    """Return a page without its examples."""
    return FENCED.sub("", page.read_text())


def tracked() -> frozenset[str]:
    """Return the files of the repository, and the folders that hold them."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=REPOSITORY, check=True, capture_output=True)
    files = {Path(line) for line in listed.stdout.decode().splitlines()}
    return frozenset(str(place) for file in files for place in (file, *file.parents))


THERE = tracked()
TESTS = sorted(REPOSITORY / name for name in THERE if re.fullmatch(r"tests/(.*/)?test_\w+\.py", name))


def names_in(page: Path) -> Iterator[str]:
    """Yield what a page quotes."""
    yield from QUOTED.findall(text_of(page))


def is_path(name: str) -> bool:
    """Whether a quoted name looks like a file or folder of the repository."""
    if "::" in name or not re.fullmatch(r"[\w./-]+", name) or name in MADE_BY_READERS:
        return False
    return name.startswith(ROOMS) or name.endswith(ENDINGS)


def commands_of(page: Path) -> Iterator[tuple[str, ...]]:
    """Yield the words after `winnowry`, wherever a page has them as a command."""
    for line in [*QUOTED.findall(text_of(page)), *(line.strip() for line in page.read_text().splitlines())]:
        if found := re.match(r"(?:- )?(?:\$ )?winnowry ((?:[a-z][a-z-]+ ?)+)", line):
            yield tuple(found[1].split())


def is_verb(words: tuple[str, ...]) -> bool:
    """Whether words begin with a command of ours, or with a group and one of its commands."""
    command = typer.main.get_command(app)
    for word in words:
        inner = getattr(command, "commands", None)
        if inner is None:
            return True
        if word not in inner:
            return False
        command = inner[word]
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target.partition("#")[0] for target in LINK.findall(text_of(page)) if "://" not in target]
    broken = [target for target in targets if target and not (page.parent / target).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_files_that_are_named_are_there(page: Path) -> None:
    missing = [name for name in names_in(page) if is_path(name) and name.rstrip("/") not in THERE and not _source_of(name)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_tests_that_are_named_are_there(page: Path) -> None:
    missing = []
    for name in names_in(page):
        file, separator, test = name.partition("::")
        if separator and not re.search(rf"^(async )?def {re.escape(test)}\(", _source_of(file), re.MULTILINE):
            missing.append(name)
    assert missing == []


def _source_of(file: str) -> str:
    """Return the text of the tests in files of this name, of which several rooms may have one; nothing where there is none."""
    return "\n".join(test.read_text() for test in TESTS if test.name == file)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_commands_that_are_named_are_there(page: Path) -> None:
    assert [words for words in commands_of(page) if not is_verb(words)] == []


def test_something_is_found_to_look_at() -> None:
    guarantees, tutorial = REPOSITORY / "docs" / "guarantees.md", REPOSITORY / "docs" / "tutorial.md"
    assert sum("::" in name for name in names_in(guarantees)) > 40
    assert ("dead-letters", "show") in {words[:2] for words in commands_of(tutorial)}
    assert is_verb(("dead-letters", "list")) and not is_verb(("dead-letters", "burn")) and not is_verb(("burn",))
