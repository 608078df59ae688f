"""The gate on Beam's keyed state, run by Beam's local engine."""

import os
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from arrivals import INTERNAL, a_delivery, an_arrival
from msgspec.structs import replace

from winnowry.io.files import Files
from winnowry.io.place import Place
from winnowry.io.tree import Tree
from winnowry.runners.flink.gate import Gate
from winnowry.runners.unforeseen import Guarded
from winnowry.schemas.arrival import Arrival, Fetched
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.outcome import Outcome
from winnowry.schemas.times import write_time
from winnowry.transforms.branch import finish, guarded
from winnowry.transforms.patience import Patience
from winnowry.transforms.retry import retry
from winnowry.transforms.winnow import Scope

_ENDED: dict[str, list[Arrival | Outcome]] = {}
_tags = count(1)


@pytest.fixture(autouse=True)
def pump() -> Iterator[str]:
    """A pump that no other test has, since what it remembers is the process's."""
    name = f"pump {next(_tags)}"
    _ENDED[name] = []
    yield name
    del _ENDED[name]


def keep(element: Arrival | Outcome, pump: str) -> None:
    _ENDED[pump].append(element)


def passed(gate: Gate, arrivals: Iterable[Arrival]) -> list[str]:
    """Return what became of each Arrival, by its tag, in their order."""
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        branches = pipeline | beam.Create(list(arrivals), reshuffle=False) | gate
        branches.going_on | "news" >> beam.Map(partial(keep, pump=gate.pump))
        branches.ended | "ended" >> beam.Map(partial(keep, pump=gate.pump))
    told = {
        one.delivery.tag: f"{one.ending}:{one.reason.code}" if isinstance(one, Outcome) else "news" for one in _ENDED[gate.pump]
    }
    assert len(told) == len(_ENDED[gate.pump])
    return [told[tag] for tag in sorted(told)]


def said(content: str, source: str = "alice", at: int = 1, path: str = "a/b", **fields: object) -> Arrival:
    fingerprint = Fingerprint(method="md5", value=content)
    delivery = a_delivery(INTERNAL, tag=next(_tags))
    pub_time = write_time(at * 10**9)
    return an_arrival(
        INTERNAL, delivery, rel_path=path, source=source, size=1, fingerprint=fingerprint, pub_time=pub_time, **fields
    )


def a_gate(pump: str, place: Place | None = None) -> Gate:
    return Gate(pump=pump, scope=Scope(), remember=3, place=place)


def test_the_second_of_two_sources_is_a_repeat(pump: str) -> None:
    assert passed(a_gate(pump), [said("A"), said("A", "bob", 2)]) == ["news", "repeat:known_content"]


def test_content_that_comes_back_is_news_each_time_once(pump: str) -> None:
    course = [said(content, source, at) for at, content in enumerate("ABA", 1) for source in ("alice", "bob")]
    assert passed(a_gate(pump), course) == ["news", "repeat:known_content"] * 3


def test_an_older_word_of_the_same_announcer_is_superseded(pump: str) -> None:
    assert passed(a_gate(pump), [said("B", at=2), said("A", at=1)]) == ["news", "refused:superseded"]


def test_a_file_made_again_under_a_name_that_was_renamed_away_is_news(pump: str) -> None:
    renamed = an_arrival(
        INTERNAL,
        a_delivery(INTERNAL, tag=next(_tags)),
        rel_path="a/c",
        source="alice",
        pub_time=write_time(2 * 10**9),
        file_op={"rename": "a/b"},
    )
    assert passed(a_gate(pump), [said("A"), renamed, said("A", at=3)]) == ["news", "news", "news"]


def test_a_time_that_is_none_ends_one_arrival_alone(pump: str) -> None:
    broken = replace(said("A"), post=replace(said("A").post, pub_time="yesterday"))
    assert passed(a_gate(pump), [broken, said("A")]) == ["malformed:field_invalid", "news"]


def test_what_is_let_through_says_when_in_growing_times(pump: str) -> None:
    gate = Gate(pump=pump, scope=Scope(), remember=3, dated=True)
    passed(gate, [said("A"), said("B", at=2)])
    times = [one.claim.news_at for one in _ENDED[pump] if isinstance(one, Arrival) and one.claim is not None]
    assert 0 < times[0] < times[1]


# -- a gate that places


def a_place(root: Path, **settings: Any) -> Place:
    files = Files(root=root, **settings)
    return Place(files=files, giving_up=partial(retry, patience=Patience(attempts=1)), intend=print)


def fetched(arrival: Arrival, root: Path, content: bytes) -> Arrival:
    descriptor, temporary = Tree(root).create_temporary("f")
    Path(f"/proc/self/fd/{descriptor}").write_bytes(content)
    return replace(arrival, place="f", fetched=Fetched(temporary=temporary, size=len(content)))


def burst(_arrival: Arrival) -> Outcome:
    raise ZeroDivisionError("a bug")


def test_what_raises_behind_the_gate_fails_its_bundle_so_that_what_the_gate_has_kept_rolls_back(pump: str) -> None:
    with pytest.raises(ZeroDivisionError), beam.Pipeline(runner="FnApiRunner") as pipeline, guarded(Guarded):
        finish((pipeline | beam.Create([said("A")]) | a_gate(pump)).going_on, burst)


def test_a_younger_file_is_never_overwritten_by_an_older_one(pump: str, tmp_path: Path) -> None:
    younger, older = fetched(said("B", at=2), tmp_path, b"younger"), fetched(said("A", at=1), tmp_path, b"older")
    assert passed(a_gate(pump, a_place(tmp_path)), [younger, older]) == ["news", "refused:superseded"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"f": b"younger"}


def test_a_first_copy_that_fails_does_not_make_its_twin_vanish(pump: str, tmp_path: Path) -> None:
    first, twin = fetched(said("A"), tmp_path, b"x"), fetched(said("A", "bob", 2), tmp_path, b"x")
    assert first.fetched is not None
    assert first.fetched.temporary is not None
    (tmp_path / first.fetched.temporary).unlink()
    assert [end.partition(":")[0] for end in passed(a_gate(pump, a_place(tmp_path)), [first, twin])] == ["failed", "news"]
    assert (tmp_path / "f").read_bytes() == b"x"


def test_what_was_taken_for_a_repeat_and_is_news_is_tried_again(pump: str, tmp_path: Path) -> None:
    unfetched = replace(said("A"), place="f", fetched=Fetched(temporary=None))
    assert passed(a_gate(pump, a_place(tmp_path)), [unfetched]) == ["retried:twin_underway"]
    assert list(tmp_path.iterdir()) == []


def test_the_disk_keeps_a_file_and_its_name_where_that_is_asked_for(
    pump: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, fsync = [], os.fsync

    def noted(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").resolve().is_dir(), (tmp_path / "f").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    assert passed(a_gate(pump, a_place(tmp_path)), [fetched(said("A"), tmp_path, b"x")]) == ["news"]
    assert synced == []
    newer = fetched(said("B", at=2), tmp_path, b"y")
    (tmp_path / "f").unlink()
    assert passed(a_gate(pump, a_place(tmp_path, durability="machine")), [newer])[1:] == ["news"]
    assert synced == [(False, False), (True, True)]
