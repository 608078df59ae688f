"""The disk of what a pump remembers fills up: nothing is lost or announced twice, and all goes on when there is room."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from arrivals import a_delivery
from courses import Course, a_served_file, once
from scripted import scripted, serving
from small_disks import SmallDisk, small_disk

from winnowry.io.later_store import LaterStore
from winnowry.schemas.errors import DiskTrouble
from winnowry.schemas.reasons import Reason

FILES = 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


@pytest.mark.parametrize(("before", "leave"), [(0, 0), (5, 0), (0, 32_768)])
def test_a_memory_that_cannot_be_written_is_waited_for(before: int, leave: int, disk: SmallDisk, tmp_path: Path) -> None:
    """With no room its intents fail, with some the commits after them do."""
    (tmp_path / "root").mkdir()
    with scripted() as (script, server), Course(disk.folder, root=tmp_path / "root") as course:
        posts = [a_served_file(server.url, f"file{number}", b"%d" % number) for number in range(FILES)]
        for number in range(FILES):
            script.plays(f"file{number}", serving(b"%d" % number))
        turns: list[int] = []

        def offer() -> None:
            disk.fill(leave)
            course.announce(*posts[before:])
            turns.append(0)

        begin = once(lambda: len(course.announced) == before, offer)
        room = once(lambda: len(turns) > 6, disk.clear)

        def watch() -> None:
            begin()
            turns.extend(turns[:1])
            room()

        course.announce(*posts[:before])
        course.run(watch)
        assert course.endings() == {"announced:done": FILES}
        assert sorted(course.announced) == sorted(post.rel_path for post in posts)
        assert (len(course.shown()), course.witness.doubled, course.dead) == (FILES, [], 0)


def test_later_work_that_cannot_be_kept_is_told_and_what_was_kept_is_there(disk: SmallDisk) -> None:
    store = LaterStore(disk.folder / "later.sqlite")
    delivery = a_delivery(body=b"x" * 50_000)
    store.postpone([(delivery, 0.0, Reason.UNREACHABLE)], now=0)
    disk.fill()
    with pytest.raises(DiskTrouble) as trouble:
        for _ in range(100):
            store.postpone([(delivery, 0.0, Reason.UNREACHABLE)], now=0)
    assert trouble.value.reason is Reason.DISK_FULL
    disk.clear()
    store.postpone([(delivery, 0.0, Reason.UNREACHABLE)], now=0)
    assert len(store.due(1)) == 2
