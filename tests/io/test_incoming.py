import hashlib
import os
import threading
from pathlib import Path
from random import Random

import pytest

from winnowry.io.incoming import LARGE, PIECE, Incoming, Request
from winnowry.io.tree import Tree

CURL = 16 * 1024
"""Bytes that libcurl hands over at once."""


def bring(tree: Tree, content: bytes) -> Incoming:
    incoming = Incoming(tree, Request(url="http://h/f", place="a/f", size=len(content), method="sha512"))
    for start in range(0, len(content), CURL):
        assert incoming.take(content[start : start + CURL]) == len(content[start : start + CURL])
    return incoming


@pytest.mark.parametrize("size", [0, 1, CURL, PIECE - 1, PIECE, PIECE + 1, LARGE, LARGE + 1, LARGE + PIECE, 3 * LARGE + 7])
def test_file_of_any_size_is_whole_and_hashed(tmp_path: Path, size: int) -> None:
    content = Random(size).randbytes(size)
    fetched = bring(Tree(tmp_path), content).finish()
    assert fetched.temporary is not None
    assert (tmp_path / fetched.temporary).read_bytes() == content
    assert (fetched.size, fetched.digest) == (size, hashlib.sha512(content).digest())


def hashing_beside() -> bool:
    return any(thread.name.startswith("winnowry-hash") for thread in threading.enumerate())


def test_large_file_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    bring(Tree(tmp_path), bytes(3 * LARGE)).abandon()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not hashing_beside()


def test_file_announced_as_large_is_hashed_beside_from_its_first_piece_on(tmp_path: Path) -> None:
    incoming = Incoming(Tree(tmp_path), Request(url="http://h/f", place="a/f", size=LARGE + 1, method="sha512"))
    incoming.take(bytes(PIECE))
    assert hashing_beside()
    incoming.abandon()
    assert not hashing_beside()


def test_pieces_do_not_pile_up_in_memory(tmp_path: Path) -> None:
    incoming = bring(Tree(tmp_path), bytes(PIECE + CURL))
    written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    incoming.abandon()
    assert written == PIECE
    assert os.listdir(tmp_path / "a") == []
