"""What the disk is told to keep, and when. The calls of the operating system are noted, and made."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import msgspec
import pytest
from arrivals import an_arrival
from pools import files_in

from winnowry.io.files import Files
from winnowry.io.place import Place, place_for_good
from winnowry.io.tree import Tree
from winnowry.schemas.arrival import Arrival, Fetched
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.paths import is_temporary
from winnowry.schemas.reasons import Reason
from winnowry.transforms.patience import Patience
from winnowry.transforms.retry import retry

GIVING_UP = partial(retry, patience=Patience())
_DONE: list[tuple[str, str]] = []


def fetched(tree: Tree, name: str) -> Arrival:
    descriptor, temporary = tree.create_temporary(name)
    os.write(descriptor, b"content")
    os.close(descriptor)
    return msgspec.structs.replace(an_arrival(place=name), fetched=Fetched(temporary=temporary, size=7))


def shown(root: Path, descriptor: int) -> str:
    """Return what a descriptor stands for: a file, without the middle of its name, or a folder."""
    path = os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), root)
    folder, name = os.path.split(path)
    return os.path.join(folder, name.split(".")[1]) if is_temporary(name) else path


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A tree whose syncs and renames are noted in ``_DONE``."""
    tree = Tree(tmp_path)
    fsync, rename = os.fsync, os.rename

    def noted_fsync(descriptor: int) -> None:
        _DONE.append(("sync", shown(tree.root, descriptor)))
        fsync(descriptor)

    def noted_rename(old: str, new: str, **where: Any) -> None:
        _DONE.append(("name", os.path.normpath(os.path.join(shown(tree.root, where["dst_dir_fd"]), new))))
        rename(old, new, **where)

    _DONE.clear()
    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "rename", noted_rename)
    return tree


def intend(arrivals: list[Arrival]) -> None:
    _DONE.extend(("intend", arrival.place) for arrival in arrivals)


def tell(arrival: Arrival) -> None:
    _DONE.append(("tell", arrival.place))


def run(tree: Tree, files: Files, *arrivals: Arrival) -> None:
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        step = Place(files=files, giving_up=GIVING_UP, intend=intend)
        branches = pipeline | beam.Create(arrivals, reshuffle=False) | step
        _ = branches.going_on | beam.Map(tell)


def test_the_disk_keeps_all_files_of_a_round_before_names_and_all_names_before_they_are_told(tree: Tree) -> None:
    arrivals = [fetched(tree, "d/a"), fetched(tree, "d/b"), an_arrival(place="e/new", file_op={"directory": ""})]
    run(tree, Files(root=tree.root, durability="machine"), *arrivals)
    assert _DONE[:2] == [("sync", "d/a"), ("sync", "d/b")]
    assert _DONE[2:6] == [("intend", "d/a"), ("intend", "d/b"), ("name", "d/a"), ("name", "d/b")]
    told = [done for done in _DONE if done[0] == "tell"]
    assert told == [("tell", "d/a"), ("tell", "d/b"), ("tell", "e/new")]
    before = _DONE[6 : _DONE.index(told[0])]
    assert before[:2] == [("sync", "d"), ("sync", ".")]
    assert _DONE.count(("sync", ".")) == _DONE.count(("sync", "e/new")) == _DONE.count(("sync", "e")) == 1
    assert _DONE.index(("sync", "e/new")) < _DONE.index(("tell", "e/new"))


def test_nothing_is_synced_unless_it_is_asked_for(tree: Tree) -> None:
    run(tree, Files(root=tree.root), fetched(tree, "d/a"))
    assert _DONE == [("intend", "d/a"), ("name", "d/a"), ("tell", "d/a")]


def test_what_is_placed_alone_is_kept_before_and_its_name_afterwards(tree: Tree) -> None:
    arrival = fetched(tree, "d/a")
    assert place_for_good(arrival, tree, GIVING_UP) is arrival
    assert _DONE == [("sync", "d/a"), ("name", "d/a"), ("sync", "d"), ("sync", ".")]


def failing(fsync: Callable[[int], None], when: Callable[[str], bool], tree: Tree) -> Callable[[int], None]:
    def fails(descriptor: int) -> None:
        if when(shown(tree.root, descriptor)):
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    return fails


def test_what_the_disk_does_not_keep_gets_no_name_and_is_tried_again(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(os.fsync, lambda path: path == "d/a", tree))
    arrivals = [fetched(tree, "d/a"), fetched(tree, "d/b")]
    run(tree, Files(root=tree.root, durability="machine"), *arrivals)
    assert files_in(tree.root) == ["d/b"]
    assert [done for done in _DONE if done[0] in ("intend", "tell")] == [("intend", "d/b"), ("tell", "d/b")]


def test_a_name_that_the_disk_does_not_keep_is_not_told(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(os.fsync, lambda path: path == "d", tree))
    outcome = place_for_good(fetched(tree, "d/a"), tree, GIVING_UP)
    assert isinstance(outcome, Outcome)
    assert (outcome.ending, outcome.reason) == (Ending.RETRIED, Reason.DISK_ERROR)
    run(tree, Files(root=tree.root, durability="machine"), fetched(tree, "d/b"))
    assert ("tell", "d/b") not in _DONE
