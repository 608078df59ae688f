import os
from pathlib import Path

import pytest
from lists import check_branches
from msgspec.structs import replace

from winnowry.io.examine import FOLDER, Examine, announce, found
from winnowry.schemas.arrival import Arrival, identify
from winnowry.schemas.errors import Terminal, Transient
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.post import Operation, Post
from winnowry.schemas.reasons import Reason

SECOND = 1_000_000_000
NOW = 1_767_225_600 * SECOND


def now() -> int:
    return NOW


def announced(folder: Path, path: str) -> Post:
    return announce(str(folder), path, base_url="https://files.example.org/", method="md5", now=NOW)


def test_a_file_is_announced_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    os.utime(tmp_path / "a", ns=(NOW, NOW))
    (tmp_path / "a").chmod(0o640)
    assert announced(tmp_path, "a") == Post(
        pub_time="20260101T000000.000000000",
        base_url="https://files.example.org/",
        rel_path="a",
        mode="640",
        mtime="20260101T000000.000000000",
        size=5,
        fingerprint=Fingerprint(method="md5", value="XUFAKrxLKna5cZ2REBfFkg=="),
    )


def test_folders_and_links_are_operations(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "l").symlink_to("nowhere")
    assert announced(tmp_path, "d").operation == Operation(kind="mkdir")
    assert announced(tmp_path, "l").operation == Operation(kind="link", target="nowhere")


def test_what_vanished_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(Transient, match="gone"):
        announced(tmp_path, "gone")


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Terminal) as refused:
        announced(tmp_path, "pipe")
    assert refused.value.reason is Reason.UNSUPPORTED_OPERATION


def test_a_name_of_stray_bytes_cannot_be_announced(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff")
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(Terminal) as refused:
        announced(tmp_path, name)
    assert refused.value.reason is Reason.PATH_UNUSABLE


def test_paths_become_arrivals_or_fail(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    good, gone = found("a", 1), found("gone", 2)
    arrival = Arrival(post=announced(tmp_path, "a"), edge=FOLDER, identity=identify(good), delivery=good)
    failed = Outcome(ending=Ending.FAILED, reason=Reason.DISK_ERROR, delivery=gone)
    step = Examine(folder=tmp_path, base_url="https://files.example.org/", clock=now, method="md5")
    check_branches(step, [good, gone], going_on=[arrival], ended=[replace(failed, detail="gone: No such file or directory")])
