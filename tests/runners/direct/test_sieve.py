from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from arrivals import NOW, a_delivery, an_arrival
from msgspec.structs import replace
from pools import files_in

from winnowry.io.place import place
from winnowry.io.tree import Tree
from winnowry.runners.direct.claims import close_claims
from winnowry.runners.direct.parked import Parked
from winnowry.runners.direct.sieve import DirectMemory, sift
from winnowry.schemas.arrival import Arrival, Fetched
from winnowry.schemas.errors import Terminal, Transient
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.outcome import Ending, Outcome, end
from winnowry.schemas.reasons import Reason
from winnowry.transforms.winnow import Scope


@pytest.fixture
def memory(tmp_path: Path) -> DirectMemory:
    (tmp_path / "root").mkdir()
    return DirectMemory(
        folder=tmp_path / "memory", remember=timedelta(days=1), shared=False, scope=Scope(), root=tmp_path / "root"
    )


def come(tag: int, **fields: object) -> Arrival:
    return an_arrival(delivery=a_delivery(tag=tag), place="a/b", **fields)


def sifted(memory: DirectMemory, arrival: Arrival) -> Arrival | Outcome:
    return sift(arrival, memory.open(), memory.scope)


def ends(memory: DirectMemory, result: Arrival | Outcome, ending: Ending = Ending.ANNOUNCED) -> list[bytes]:
    outcome = end(result, ending, Reason.DONE) if isinstance(result, Arrival) else result
    return close_claims(memory.open(), [outcome])


def fetched(memory: DirectMemory) -> Arrival:
    """An Arrival that is news, its file under a temporary name."""
    arrival = sifted(memory, come(1, size=1))
    assert isinstance(arrival, Arrival)
    descriptor, temporary = Tree(memory.root).create_temporary("a/b")
    Path(f"/proc/self/fd/{descriptor}").write_bytes(b"x")
    return replace(arrival, fetched=Fetched(temporary=temporary, size=1))


def tried_again(arrival: Arrival, error: Transient | Terminal) -> Outcome:
    return end(arrival, Ending.RETRIED, error.reason)


def test_news_holds_its_claim(memory: DirectMemory) -> None:
    arrival = sifted(memory, come(1))
    assert isinstance(arrival, Arrival)
    assert arrival.claim is not None
    assert (arrival.claim.episode, arrival.claim.departure) == (1, None)


def test_a_twin_is_parked_and_woken(memory: DirectMemory) -> None:
    first, twin = sifted(memory, come(1)), come(2)
    parked = sifted(memory, twin)
    assert isinstance(parked, Outcome)
    assert (parked.ending, parked.reason) == (Ending.PARKED, Reason.TWIN_UNDERWAY)
    assert ends(memory, first) == [twin.delivery.hold]
    repeat = sifted(memory, twin)
    assert isinstance(repeat, Outcome)
    assert (repeat.ending, repeat.reason) == (Ending.REPEAT, Reason.KNOWN_CONTENT)


def test_what_was_parked_and_then_refused_lets_its_twin_go_on(memory: DirectMemory) -> None:
    parked, first, twin = Parked(), sifted(memory, come(1)), come(2)
    assert isinstance(first, Arrival)
    parked.put(end(first, Ending.PARKED, Reason.TRANSFER_UNDERWAY), NOW)
    assert parked.pop(first.identity) == first.delivery
    sifted(memory, twin)
    grown_old = end(come(1), Ending.REFUSED, Reason.TOO_OLD)
    assert close_claims(memory.open(), [grown_old], parked.has_waited) == [twin.delivery.hold]
    assert isinstance(sifted(memory, twin), Arrival)


def test_an_arrival_takes_over_what_it_holds(memory: DirectMemory) -> None:
    assert isinstance(sifted(memory, come(1)), Arrival)
    assert isinstance(sifted(memory, come(1)), Arrival)


def test_a_repeat_that_changes_nothing_blocks_nobody(memory: DirectMemory) -> None:
    ends(memory, sifted(memory, come(1)))
    for tag in (2, 3):
        repeat = sifted(memory, come(tag))
        assert isinstance(repeat, Outcome)
        assert repeat.ending is Ending.REPEAT


def test_a_pub_time_that_is_none_is_malformed(memory: DirectMemory) -> None:
    outcome = sifted(memory, come(1, pub_time="yesterday"))
    assert isinstance(outcome, Outcome)
    assert outcome.ending is Ending.MALFORMED


def test_a_rename_claims_the_departure_too(memory: DirectMemory) -> None:
    arrival = sifted(memory, come(1, file_op={"rename": "old"}))
    assert isinstance(arrival, Arrival)
    assert arrival.claim is not None
    assert arrival.claim.departure is not None
    assert arrival.claim.departure.path != arrival.claim.path


def test_what_was_fetched_and_not_yet_renamed_is_not_placed(memory: DirectMemory) -> None:
    arrival = fetched(memory)
    assert not memory.placed(arrival)
    memory.intend([arrival])
    assert not memory.placed(arrival)
    assert files_in(memory.root) == []
    assert not memory.placed(arrival)


@pytest.mark.parametrize(
    "since",
    [lambda file: None, Path.unlink, lambda file: file.write_bytes(b"other")],
    ids=["left alone", "taken away", "replaced"],
)
def test_what_was_renamed_is_placed_whatever_became_of_it(memory: DirectMemory, since: Callable[[Path], object]) -> None:
    arrival = fetched(memory)
    memory.intend([arrival])
    place(arrival, Tree(memory.root), tried_again)
    since(memory.root / "a/b")
    assert memory.placed(arrival)


def test_other_content_at_that_path_is_not_placed(memory: DirectMemory) -> None:
    arrival = fetched(memory)
    memory.intend([arrival])
    place(arrival, Tree(memory.root), tried_again)
    assert arrival.claim is not None
    assert not memory.placed(replace(arrival, claim=replace(arrival.claim, content=bytes(16))))


def test_what_could_not_be_renamed_is_not_placed_though_its_temporary_is_gone(memory: DirectMemory) -> None:
    arrival = fetched(memory)
    memory.intend([arrival])
    assert arrival.fetched is not None
    memory.intend([replace(arrival, fetched=replace(arrival.fetched, temporary=""))])
    (memory.root / "a/b").mkdir()
    assert isinstance(place(arrival, Tree(memory.root), tried_again), Outcome)
    assert (files_in(memory.root), memory.placed(arrival)) == ([], False)


def test_a_sweep_spares_what_is_intended(memory: DirectMemory) -> None:
    arrival = fetched(memory)
    memory.intend([arrival])
    tree = Tree(memory.root)
    assert tree.sweep(0, memory.open().intended(), clock=lambda: 1e12) == 0
    ends(memory, arrival, Ending.FAILED)
    assert tree.sweep(0, memory.open().intended(), clock=lambda: 1e12) == 1


def test_what_a_winnow_lets_through_is_dated_in_order_whatever_its_clock_does(memory: DirectMemory) -> None:
    dates = []
    for tag, (content, now) in enumerate((("1", 100), ("2", 50), ("1", 50), ("3", 200)), start=1):
        post = {"fingerprint": Fingerprint(method="md5", value=content), "size": 1, "pub_time": f"20260101T00000{tag}.0"}
        news = sift(come(tag, **post), memory.open(), memory.scope, now)
        assert isinstance(news, Arrival)
        assert news.claim is not None
        dates.append(news.claim.news_at)
        ends(memory, news)
    assert dates == [100, 101, 102, 200]
