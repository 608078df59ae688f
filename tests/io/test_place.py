import os
from functools import partial
from pathlib import Path

import apache_beam as beam
import msgspec
import pytest
from arrivals import an_arrival
from pools import files_in

from winnowry.io.files import Files
from winnowry.io.place import Place, discard, place
from winnowry.io.tree import Tree
from winnowry.schemas.arrival import Arrival, Fetched
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.patience import Patience
from winnowry.transforms.retry import retry

GIVING_UP = partial(retry, patience=Patience())


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def fetched(tree: Tree, name: str, content: bytes = b"x") -> Arrival:
    descriptor, temporary = tree.create_temporary(name)
    os.write(descriptor, content)
    os.close(descriptor)
    return msgspec.structs.replace(an_arrival(place=name), fetched=Fetched(temporary=temporary, size=len(content)))


def test_file_gets_its_name(tree: Tree) -> None:
    arrival = fetched(tree, "a/b", b"content")
    assert place(arrival, tree, GIVING_UP) is arrival
    assert (tree.root / "a/b").read_bytes() == b"content"
    assert files_in(tree.root) == ["a/b"]


def test_file_that_is_in_place_already_is_left_alone(tree: Tree) -> None:
    arrival = msgspec.structs.replace(an_arrival(place="a/b"), fetched=Fetched(temporary=None))
    assert place(arrival, tree, GIVING_UP) is arrival
    assert files_in(tree.root) == []


def test_directory_and_link_are_made(tree: Tree) -> None:
    place(an_arrival(place="d/e", file_op={"directory": ""}, mode="4510"), tree, GIVING_UP)
    place(an_arrival(place="d/l", file_op={"link": "e"}), tree, GIVING_UP)
    assert (tree.root / "d/e").stat().st_mode & 0o7777 == 0o710
    assert os.readlink(tree.root / "d/l") == "e"


@pytest.mark.parametrize("file_op", [{"remove": ""}, {"rename": "a"}, {"hlink": "a"}, {"remove": "", "directory": ""}])
def test_other_operations_are_refused(file_op: dict[str, str], tree: Tree) -> None:
    outcome = place(an_arrival(place="b", file_op=file_op), tree, GIVING_UP)
    assert isinstance(outcome, Outcome)
    assert (outcome.ending, outcome.reason) == (Ending.REFUSED, Reason.UNSUPPORTED_OPERATION)


def test_file_that_cannot_be_placed_leaves_nothing(tree: Tree) -> None:
    arrival = fetched(tree, "a/b")
    (tree.root / "a/b").mkdir()
    outcome = place(arrival, tree, GIVING_UP)
    assert isinstance(outcome, Outcome)
    assert (outcome.ending, outcome.reason) == (Ending.REFUSED, Reason.PATH_UNUSABLE)
    assert files_in(tree.root) == []


def test_file_whose_temporary_is_gone_is_fetched_again(tree: Tree) -> None:
    arrival = fetched(tree, "a/b")
    discard(arrival, tree)
    discard(arrival, tree)
    outcome = place(arrival, tree, GIVING_UP)
    assert isinstance(outcome, Outcome)
    assert (outcome.ending, outcome.reason) == (Ending.RETRIED, Reason.DISK_ERROR)


_SEEN: list[tuple[str, list[str]]] = []


def remember(arrivals: list[Arrival]) -> None:
    """Note which files are intended, and that none of them is in place yet."""
    for arrival in arrivals:
        assert arrival.fetched is not None and arrival.fetched.temporary is not None
        taken_back = arrival.fetched.temporary == ""
    _SEEN.append(("taken back" if taken_back else "intended", sorted(arrival.place for arrival in arrivals)))


def note(element: Arrival | Outcome, branch: str) -> None:
    arrival = element.arrival if isinstance(element, Outcome) else element
    _SEEN.append((branch, [arrival.place if arrival else ""]))


def test_all_files_of_a_round_are_intended_before_the_first_is_renamed(tree: Tree) -> None:
    _SEEN.clear()
    arrivals = [fetched(tree, "b"), fetched(tree, "a"), an_arrival(place="d", file_op={"directory": ""}), fetched(tree, "c")]
    (tree.root / "c").mkdir()
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        step = Place(files=Files(root=tree.root), giving_up=GIVING_UP, intend=remember)
        branches = pipeline | beam.Create(arrivals, reshuffle=False) | step
        _ = branches.going_on | "on" >> beam.Map(note, "placed")
        _ = branches.ended | "end" >> beam.Map(note, "ended")
    assert _SEEN[0] == ("intended", ["a", "b", "c"])
    assert sorted(_SEEN[1:]) == [
        ("ended", ["c"]),
        ("placed", ["a"]),
        ("placed", ["b"]),
        ("placed", ["d"]),
        ("taken back", ["c"]),
    ]
