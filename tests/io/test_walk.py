import base64
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import google_crc32c
import pytest
from blake3 import blake3

from winnowry.io.tree import Tree
from winnowry.io.walk import Found, hash_file, walk
from winnowry.schemas.errors import ConfigError, DiskTrouble, Refused
from winnowry.schemas.reasons import Reason


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in ("b/y", "b/x", "a", "é/ü"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(path.encode())
    (tmp_path / "c").symlink_to("b/ö")
    return tmp_path


def paths(folder: Path, under: str = "") -> list[tuple[str, str]]:
    return [(found.path, found.kind) for found in walk(folder, under) if isinstance(found, Found)]


def test_everything_is_found_in_a_stable_order_directories_first(folder: Path) -> None:
    expected = [("a", "file"), ("b", "directory"), ("b/x", "file"), ("b/y", "file"), ("c", "link")]
    assert paths(folder) == [*expected, ("é", "directory"), ("é/ü", "file")]


def test_a_part_of_the_folder_or_a_single_file_can_be_walked(folder: Path) -> None:
    assert paths(folder, "b") == [("b", "directory"), ("b/x", "file"), ("b/y", "file")]
    assert paths(folder, "b/x") == [("b/x", "file")]
    assert paths(folder, "none") == []


def test_what_is_found_is_described(folder: Path) -> None:
    os.chmod(folder / "a", 0o640)
    os.utime(folder / "a", ns=(5, 1_700_000_000_123_456_789))
    found = next(walk(folder, "a"))
    assert found == Found(path="a", kind="file", size=1, mode=0o640, mtime=1_700_000_000_123_456_789, atime=5)
    link = next(walk(folder, "c"))
    assert isinstance(link, Found) and link.target == "b/ö"


def test_links_to_folders_are_not_followed(folder: Path) -> None:
    (folder / "loop").symlink_to(folder)
    assert ("loop", "link") in paths(folder)
    assert not any(path.startswith("loop/") for path, _ in paths(folder))


def test_pipes_and_our_temporaries_are_passed_over(folder: Path) -> None:
    before = paths(folder)
    os.mkfifo(folder / "pipe")
    os.close(Tree(folder).create_temporary("b/z")[0])
    assert paths(folder) == before


def test_names_that_are_not_utf8_are_reported_and_not_announced(folder: Path) -> None:
    os.mkdir(os.fsencode(folder) + b"/d\xff")
    (folder / "latin").symlink_to(b"\xe9".decode(errors="surrogateescape"))
    troubles = [found for found in walk(folder) if not isinstance(found, Found)]
    assert [type(trouble) for trouble in troubles] == [Refused, Refused]
    assert {trouble.reason for trouble in troubles} == {Reason.PATH_UNUSABLE}
    assert len(paths(folder)) == 7


def test_what_vanishes_meanwhile_is_skipped(folder: Path) -> None:
    found = walk(folder)
    assert isinstance(first := next(found), Found) and first.path == "a"
    assert isinstance(second := next(found), Found) and second.path == "b"
    (folder / "b/x").unlink()
    (folder / "b/y").unlink()
    (folder / "b").rmdir()
    assert [rest.path for rest in found if isinstance(rest, Found)] == ["c", "é", "é/ü"]


@pytest.mark.parametrize("size", [0, 5, 3_000_000])
def test_checksums_are_those_of_their_libraries(size: int, tmp_path: Path) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    digests = {
        "sha512": hashlib.sha512(content).digest(),
        "sha256": hashlib.sha256(content).digest(),
        "md5": hashlib.md5(content).digest(),
        "blake3": blake3(content).digest(),
        "crc32c": google_crc32c.value(content).to_bytes(4, "big"),
    }
    for method, digest in digests.items():
        assert hash_file(tmp_path / "file", method).value == base64.b64encode(digest).decode()


def test_descriptor_is_hashed_and_stays_open(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    assert hash_file(descriptor) == hash_file(tmp_path / "file")
    os.close(descriptor)


def test_file_that_cannot_be_read_and_method_that_hashes_nothing_are_told(tmp_path: Path) -> None:
    with pytest.raises(DiskTrouble):
        hash_file(tmp_path / "none")
    with pytest.raises(ConfigError, match="md5name"):
        hash_file(tmp_path / "none", "md5name")


def test_folders_may_be_nested_as_deeply_as_the_system_allows(tmp_path: Path) -> None:
    depth = sys.getrecursionlimit() + 100
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    assert len(paths(tmp_path)) == depth
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True)
