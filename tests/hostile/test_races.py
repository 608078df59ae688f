"""Somebody swaps folders and links all the time while a pump writes below them."""

import os
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from arrivals import a_post
from engines import Station, a_pump
from relays import ALICE, a_station, announce

from winnowry.io.tree import Tree
from winnowry.schemas.errors import DiskTrouble, Refused
from winnowry.schemas.post import Content
from winnowry.transforms.patience import Patience

FILES = 300


class Swapper:
    """Makes ``root/a`` a folder and a link to a folder outside, in turns, from entering the context to leaving it."""

    def __init__(self, root: Path) -> None:
        self.outside = root.parent / "outside"
        self.outside.mkdir()
        (self.outside / "sentinel").touch()
        self.turns = 0
        self._names = (root / "a", root / "aside", root / "link")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._swap)

    def _swap(self) -> None:
        place, aside, link = self._names
        link.symlink_to(self.outside)
        while not self._over.is_set():
            for old, new in ((place, f"{aside} {self.turns}"), (link, place), (place, link)):
                with suppress(OSError):
                    os.rename(old, new)
            self.turns += 1

    def __enter__(self) -> "Swapper":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def test_no_operation_on_the_tree_follows_a_link_that_is_swapped_in(root: Path) -> None:
    done = 0
    with Swapper(root) as swapper:
        for number in range(FILES):
            tree = Tree(root)
            place = f"a/b/{number}"
            for act in (tree.stat, tree.unlink, tree.make_directory, tree.create_temporary, partial(tree.link, "x")):
                with suppress(Refused, DiskTrouble):
                    made = act(place)
                    done += 1
                    if isinstance(made, tuple):
                        os.close(made[0])
            with suppress(Refused, DiskTrouble):
                tree.rename(place, f"a/c/{number}")
                tree.unlink("a/sentinel")
            tree.sweep(-60)
    assert [path.name for path in swapper.outside.iterdir()] == ["sentinel"]
    assert done > FILES and swapper.turns > 10


def test_a_pump_whose_folders_are_swapped_for_links_writes_nothing_outside(tmp_path: Path) -> None:
    server = a_station()
    for number in range(FILES):
        content = Content(encoding="utf-8", value="x")
        announce(server, a_post(rel_path=f"a/b/{number}", size=1, content=content), ALICE)
    pump = a_pump("sarra", tmp_path, patience=Patience(attempts=3))
    station = Station(server, tmp_path, pump)
    with Swapper(pump.root) as swapper:
        outcomes = station.run()["outcomes"]
    station.close()
    assert [path.name for path in swapper.outside.iterdir()] == ["sentinel"]
    ended = {"announced:done", "refused:path_unusable", "failed:disk_error", "retried:disk_error", "retried:waiting"}
    assert set(outcomes) <= ended
    assert sum(count for ending, count in outcomes.items() if not ending.startswith("retried")) == FILES
