"""What our own disk does wrong at any write: nothing is lost, nothing false is shown, and all goes on when it is well."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from courses import Course, a_served_file, digests, once
from msgspec import structs
from pools import files_in
from raw_servers import RawServer
from relays import a_file
from scripted import Script, hanging, scripted, serving
from small_disks import FILLER, SmallDisk, read_only, small_disk

from winnowry.io.incoming import PIECE
from winnowry.schemas.post import Content

SMALL = b"small" * 100
LARGE = bytes(range(256)) * (3 * PIECE // 256)
"""What is written in three pieces."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


@pytest.fixture
def site() -> Iterator[tuple[Script, RawServer]]:
    with scripted() as (script, server):
        yield script, server


FULL: dict[str, tuple[Callable[[SmallDisk], None], str, bytes]] = {
    "when the file is made": (SmallDisk.fill_names, "file", SMALL),
    "when its folder is made": (SmallDisk.fill_names, "new/folder/file", SMALL),
    "at the only write": (SmallDisk.fill, "file", SMALL),
    "at the first write": (SmallDisk.fill, "file", LARGE),
    "at a later write": (lambda disk: disk.fill(leave=PIECE + 4096), "file", LARGE),
    "at the last write": (lambda disk: disk.fill(leave=len(LARGE) - 4096), "file", LARGE),
}
"""Fill a disk so that a file does not fit at some point."""


def files_on(disk: SmallDisk) -> dict[str, bytes]:
    """Everything on a disk but what fills it."""
    files = [path for path in disk.folder.rglob("*") if path.is_file() and FILLER not in path.parts]
    return {str(path.relative_to(disk.folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("when", FULL)
def test_a_full_disk_loses_nothing_and_shows_nothing_until_there_is_room(
    when: str, disk: SmallDisk, tmp_path: Path, site: tuple[Script, RawServer]
) -> None:
    fill, path, content = FULL[when]
    script, server = site
    script.plays(path, serving(content))
    with Course(tmp_path, root=disk.folder) as course:
        course.announce(a_served_file(server.url, path, content))
        fill(disk)
        amid: list[dict[str, bytes]] = []

        def make_room() -> None:
            amid.append(files_on(disk))
            disk.clear()

        outcomes = course.run(once(lambda: course.retried("disk_full") == 2, make_room))
        assert outcomes == {"retried:disk_full": outcomes["retried:disk_full"], "announced:done": 1}
        assert (amid[0], files_on(disk), course.announced, course.dead) == ({}, {path: content}, [path], 0)
        assert course.witness.digests == (digests(file=content) if path == "file" else {})


@pytest.mark.parametrize("operation", [{"directory": ""}, {"link": "elsewhere"}])
def test_a_folder_or_link_waits_for_room_too(operation: dict[str, str], disk: SmallDisk, tmp_path: Path) -> None:
    (disk.folder / "elsewhere").touch()
    with Course(tmp_path, root=disk.folder) as course:
        course.allow = ("foreign",)
        course.announce(a_file("made", "", file_op=operation))
        disk.fill_names()

        def make_room() -> None:
            assert not os.path.lexists(disk.folder / "made")
            disk.clear()

        outcomes = course.run(once(lambda: course.retried("disk_full") == 2, make_room))
        assert outcomes == {"retried:disk_full": outcomes["retried:disk_full"], "announced:operation_done": 1}
        assert os.path.lexists(disk.folder / "made")


def test_a_file_carried_in_its_own_announcement_waits_for_room_too(disk: SmallDisk, tmp_path: Path) -> None:
    with Course(tmp_path, root=disk.folder) as course:
        carrying = Content(encoding="utf-8", value="small")
        course.announce(structs.replace(a_file("carried", ""), size=5, fingerprint=None, content=carrying))
        disk.fill()

        def make_room() -> None:
            assert files_on(disk) == {}
            disk.clear()

        outcomes = course.run(once(lambda: course.retried("disk_full") == 2, make_room))
        assert outcomes == {"retried:disk_full": outcomes["retried:disk_full"], "announced:done": 1}
        assert files_on(disk) == {"carried": b"small"}


def test_a_folder_that_may_not_be_written_is_waited_for_and_others_are_not_delayed(
    tmp_path: Path, site: tuple[Script, RawServer]
) -> None:
    script, server = site
    with Course(tmp_path, folders=("", "locked")) as course, read_only(course.root / "locked") as unlock:
        for path in ("locked/file", "free"):
            script.plays(path, serving(SMALL))
            course.announce(a_served_file(server.url, path, SMALL))

        outcomes = course.run(once(lambda: course.retried("disk_error") == 2, unlock))
        assert outcomes == {"retried:disk_error": outcomes["retried:disk_error"], "announced:done": 2}
        assert (course.announced, course.witness.names) == (["free", "locked/file"], ["free", "locked/file"])
        assert course.shown() == digests(**{"free": SMALL, "locked/file": SMALL})


def test_a_folder_where_a_file_should_be_is_left_alone_and_told(tmp_path: Path, site: tuple[Script, RawServer]) -> None:
    script, server = site
    with Course(tmp_path) as course:
        (course.root / "file" / "full").mkdir(parents=True)
        for path in ("file", "other"):
            script.plays(path, serving(SMALL))
            course.announce(a_served_file(server.url, path, SMALL))
        assert course.run() == {"refused:path_unusable": 1, "announced:done": 1}
        assert (course.announced, (course.root / "file" / "full").is_dir(), course.reports) == (["other"], True, 2)
        assert files_in(course.root) == ["other"]


def test_a_file_where_a_folder_should_be_is_left_alone_and_told(tmp_path: Path, site: tuple[Script, RawServer]) -> None:
    script, server = site
    with Course(tmp_path) as course:
        course.allow = ("foreign",)
        (course.root / "folder").write_bytes(b"mine")
        script.plays("folder/file", serving(SMALL))
        course.announce(a_served_file(server.url, "folder/file", SMALL))
        assert course.run() == {"refused:path_unusable": 1}
        assert ((course.root / "folder").read_bytes(), files_in(course.root), course.reports) == (b"mine", ["folder"], 1)


def test_a_folder_removed_while_its_file_is_fetched_is_made_again(tmp_path: Path, site: tuple[Script, RawServer]) -> None:
    script, server = site
    half = len(LARGE) // 2
    answer, enough = hanging(
        f"HTTP/1.1 200 OK\nConnection: close\nContent-Length: {len(LARGE)}\n\n", LARGE[:half], LARGE[half:]
    )
    script.plays("folder/file", answer, serving(LARGE))
    with Course(tmp_path) as course:
        course.announce(a_served_file(server.url, "folder/file", LARGE))

        def watch() -> None:
            if not enough.is_set() and (course.root / "folder").exists():
                assert files_in(course.root) != ["folder/file"]
                shutil.rmtree(course.root / "folder")
                enough.set()

        assert course.run(watch) == {"retried:disk_error": 1, "announced:done": 1}
        assert files_in(course.root) == ["folder/file"]
        assert (course.root / "folder" / "file").read_bytes() == LARGE
