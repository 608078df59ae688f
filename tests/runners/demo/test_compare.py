import os
from collections.abc import Callable
from pathlib import Path

import pytest

from winnowry.runners.demo.compare import differences, survey


@pytest.fixture
def expected(tmp_path: Path) -> Path:
    root = tmp_path / "expected"
    make(root)
    return root


@pytest.fixture
def found(tmp_path: Path) -> Path:
    root = tmp_path / "found"
    make(root)
    return root


def make(root: Path) -> None:
    (root / "folder").mkdir(parents=True)
    (root / "file").write_bytes(b"content")
    (root / "link").symlink_to("file")
    os.utime(root / "file", ns=(0, 1_700_000_000_123_456_789))


def flip(root: Path) -> None:
    (root / "file").write_bytes(b"Content")


def cut(root: Path) -> None:
    (root / "file").write_bytes(b"cont")


def close(root: Path) -> None:
    (root / "file").chmod(0o600)


def touch(root: Path) -> None:
    os.utime(root / "file", ns=(0, 1_700_000_000_123_456_788))


def relink(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("./file")


def lose(root: Path) -> None:
    (root / "folder").rmdir()


def add(root: Path) -> None:
    (root / "folder" / "more").touch()


def replace(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").mkdir()


def test_equal_trees_do_not_differ(expected: Path, found: Path) -> None:
    assert differences(survey(expected), survey(found)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (flip, "'file' differs in content"),
        (cut, "'file' has 4 bytes instead of 7"),
        (close, "'file' differs in mode: 0o600 instead of 0o644"),
        (touch, "'file' differs in mtime: 1700000000123456788 instead of 1700000000123456789 ns"),
        (relink, "'link' points at './file' instead of 'file'"),
        (lose, "'folder' is missing"),
        (add, "'folder/more' should not be there"),
        (replace, "'link' is a folder instead of a link"),
    ],
)
def test_a_change_is_told(expected: Path, found: Path, change: Callable[[Path], None], said: str) -> None:
    change(found)
    assert differences(survey(expected), survey(found)) == [said]
