from collections.abc import Callable, Iterator
from datetime import timedelta
from errno import EIO, ENOSPC
from pathlib import Path
from threading import Thread

import lmdb
import pytest
from instances import Instance

from winnowry.io.memory import Intent, Memory, Reservation
from winnowry.io.memory.store import TROUBLE
from winnowry.schemas.errors import ConfigError, DiskTrouble
from winnowry.schemas.history import History, Said, Saying
from winnowry.schemas.reasons import Reason

NOON = 20_000 * 86_400 + 43_200.0
DAY = 86_400.0
PATH, OTHER = b"p" * 16, b"q" * 16
CONTENT, ANNOUNCER = b"c" * 16, b"a" * 8
KNOWN = History({CONTENT: 1}, {ANNOUNCER: Said({CONTENT: Saying(1, 10**18)})})
TWICE = History({CONTENT: 2}, {ANNOUNCER: Said({CONTENT: Saying(2, 10**18 + 1)})})

Open = Callable[..., Memory]


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_memory(tmp_path: Path, clock: Clock) -> Iterator[Open]:
    opened: list[Memory] = []

    def begin(*, shared: bool = False, **settings: object) -> Memory:
        while opened:
            opened.pop().close()
        defaults: dict[str, object] = {"remember": timedelta(days=3), "clock": clock}
        opened.append(Memory(tmp_path / "memory", shared=shared, **(defaults | settings)))  # type: ignore[arg-type]
        return opened[-1]

    yield begin
    for memory in opened:
        memory.close()


def data_file(tmp_path: Path, store: str) -> Path:
    return tmp_path / "memory" / store / "data.mdb"


def test_what_was_committed_is_recalled(open_memory: Open) -> None:
    memory = open_memory()
    memory.commit({PATH: KNOWN})
    assert memory.recall(PATH) == KNOWN
    assert memory.recall(OTHER) is None


def test_what_was_committed_is_recalled_after_opening_again(open_memory: Open) -> None:
    open_memory().commit({PATH: KNOWN})
    assert open_memory().recall(PATH) == KNOWN


def test_a_later_commit_replaces_the_record_of_an_earlier_day(open_memory: Open, clock: Clock) -> None:
    memory = open_memory()
    memory.commit({PATH: KNOWN})
    clock.now += DAY
    memory.commit({PATH: TWICE})
    assert memory.recall(PATH) == TWICE
    assert open_memory().recall(PATH) == TWICE


def test_a_path_is_remembered_as_long_as_asked_and_forgotten_soon_after(open_memory: Open, clock: Clock) -> None:
    memory = open_memory()
    memory.commit({PATH: KNOWN})
    clock.now += 3 * DAY
    assert memory.recall(PATH) == KNOWN
    clock.now += DAY
    assert memory.recall(PATH) is None


def test_a_change_starts_the_time_anew(open_memory: Open, clock: Clock) -> None:
    memory = open_memory()
    memory.commit({PATH: KNOWN, OTHER: KNOWN})
    clock.now += 2 * DAY
    memory.commit({PATH: TWICE})
    clock.now += 2 * DAY
    assert memory.recall(PATH) == TWICE
    assert memory.recall(OTHER) is None


def test_forgetting_frees_the_disk(open_memory: Open, clock: Clock, tmp_path: Path) -> None:
    memory = open_memory()
    memory.commit({PATH: KNOWN})
    first = {folder.name for folder in (tmp_path / "memory" / "days").iterdir()}
    clock.now += 5 * DAY
    memory.commit({OTHER: KNOWN})
    assert not first & {folder.name for folder in (tmp_path / "memory" / "days").iterdir()}


def test_a_clock_that_steps_back_over_midnight_loses_nothing(open_memory: Open, clock: Clock) -> None:
    memory = open_memory()
    memory.commit({PATH: KNOWN})
    clock.now -= DAY
    assert open_memory().recall(PATH) == KNOWN
    open_memory().commit({PATH: TWICE})
    assert open_memory().recall(PATH) == TWICE


def test_a_twin_waits_and_is_named_by_the_commit(open_memory: Open) -> None:
    memory = open_memory()
    assert memory.reserve(PATH, b"first") is Reservation.RESERVED
    assert memory.reserve(PATH, b"second") is Reservation.TAKEN_HERE
    assert memory.reserve(PATH, b"third") is Reservation.TAKEN_HERE
    assert memory.reserve(PATH, b"second") is Reservation.TAKEN_HERE
    assert memory.commit({PATH: KNOWN}) == [b"second", b"third"]
    assert memory.reserve(PATH, b"second") is Reservation.RESERVED


def test_a_twin_waits_and_is_named_by_the_release(open_memory: Open) -> None:
    memory = open_memory()
    memory.reserve(PATH, b"first")
    memory.reserve(PATH, b"second")
    assert memory.release([PATH, OTHER]) == [b"second"]
    assert memory.release([PATH]) == []


def test_a_holder_that_comes_back_takes_its_reservation_over(open_memory: Open) -> None:
    memory = open_memory(shared=True)
    memory.reserve(PATH, b"first")
    assert memory.reserve(PATH, b"first") is Reservation.RESERVED


def test_a_path_reserved_elsewhere_is_free_when_its_owner_commits(open_memory: Open, tmp_path: Path) -> None:
    memory = open_memory(shared=True)
    with Instance(tmp_path / "memory", NOON) as other:
        assert other.ask(f"memory.reserve({PATH!r}, b'theirs').name") == "'RESERVED'"
        assert memory.reserve(PATH, b"ours") is Reservation.TAKEN_ELSEWHERE
        assert memory.recall(PATH) is None
        history = f"History({{{CONTENT!r}: 1}}, {{{ANNOUNCER!r}: Said({{{CONTENT!r}: Saying(1, 10**18)}})}})"
        assert other.ask(f"memory.commit({{{PATH!r}: {history}}})") == "[]"
        assert memory.reserve(PATH, b"ours") is Reservation.RESERVED
        assert memory.recall(PATH) == KNOWN
        assert other.ask(f"memory.reserve({PATH!r}, b'theirs').name") == "'TAKEN_ELSEWHERE'"


def test_a_path_that_somebody_elsewhere_asked_for_is_wanted_until_it_is_released(open_memory: Open, tmp_path: Path) -> None:
    memory = open_memory(shared=True)
    with Instance(tmp_path / "memory", NOON) as other:
        memory.reserve(PATH, b"ours")
        assert not memory.is_wanted(PATH)
        assert other.ask(f"memory.reserve({PATH!r}, b'theirs').name") == "'TAKEN_ELSEWHERE'"
        assert (memory.is_wanted(PATH), memory.is_wanted(OTHER)) == (True, False)
        memory.release([PATH])
        assert other.ask(f"memory.reserve({PATH!r}, b'theirs').name") == "'RESERVED'"
        assert other.ask(f"memory.is_wanted({PATH!r})") == "False"
        memory.reserve(PATH, b"ours")
        assert other.ask(f"memory.is_wanted({PATH!r})") == "True"
        other.kill()
        assert memory.reserve(PATH, b"ours") is Reservation.RESERVED


def test_a_path_that_a_twin_here_waits_for_is_wanted(open_memory: Open) -> None:
    memory = open_memory()
    memory.reserve(PATH, b"first")
    assert not memory.is_wanted(PATH)
    memory.reserve(PATH, b"second")
    assert memory.is_wanted(PATH)
    assert memory.release([PATH]) == [b"second"]
    assert not memory.is_wanted(PATH)


def test_a_killed_owner_voids_its_reservations_at_once(open_memory: Open, tmp_path: Path) -> None:
    memory = open_memory(shared=True)
    with Instance(tmp_path / "memory", NOON) as other:
        other.ask(f"memory.reserve({PATH!r}, b'theirs')")
        assert memory.reserve(PATH, b"ours") is Reservation.TAKEN_ELSEWHERE
        other.kill()
        assert memory.reserve(PATH, b"ours") is Reservation.RESERVED


def test_a_process_killed_in_the_middle_of_a_reservation_delays_nobody(open_memory: Open, tmp_path: Path) -> None:
    memory = open_memory(shared=True)
    with Instance(tmp_path / "memory", NOON) as other:
        other.ask("globals().update(unfinished=memory._unsynced[1].begin(write=True))")
        other.kill()
        assert memory.reserve(PATH, b"ours") is Reservation.RESERVED


def test_a_path_left_by_a_killed_owner_is_free_for_who_opens_later(open_memory: Open, tmp_path: Path) -> None:
    with Instance(tmp_path / "memory", NOON) as other:
        other.ask(f"memory.reserve({PATH!r}, b'theirs')")
        other.kill()
    memory = open_memory(shared=True)
    assert memory.reserve(PATH, b"ours") is Reservation.RESERVED
    assert len(list((tmp_path / "memory" / "owners").iterdir())) == 1


def test_a_closed_memory_voids_its_reservations(open_memory: Open) -> None:
    open_memory(shared=True).reserve(PATH, b"before")
    assert open_memory(shared=True).reserve(PATH, b"after") is Reservation.RESERVED


def test_a_committed_batch_survives_the_death_of_the_process(open_memory: Open, tmp_path: Path) -> None:
    history = f"History({{{CONTENT!r}: 1}}, {{{ANNOUNCER!r}: Said({{{CONTENT!r}: Saying(1, 10**18)}})}})"
    with Instance(tmp_path / "memory", NOON) as other:
        other.ask(f"memory.commit({{number.to_bytes(16): {history} for number in range(500)}})")
        other.kill()
    memory = open_memory(shared=True)
    assert [memory.recall(number.to_bytes(16)) for number in range(500)] == [KNOWN] * 500


def test_an_intent_survives_the_death_of_the_process(open_memory: Open, tmp_path: Path) -> None:
    with Instance(tmp_path / "memory", NOON) as other:
        other.ask(f"memory.intend([({PATH!r}, Intent({CONTENT!r}, 'a/.f.part', 7))])")
        other.kill()
    assert open_memory().intent(PATH) == Intent(CONTENT, "a/.f.part", 7, int(NOON))


@pytest.mark.parametrize("end", [lambda memory: memory.commit({PATH: KNOWN}), lambda memory: memory.release([PATH])])
def test_an_intent_ends_with_its_arrival(open_memory: Open, end: Callable[[Memory], object]) -> None:
    memory = open_memory()
    memory.intend([(PATH, Intent(CONTENT, "a/.f.part", 7)), (OTHER, Intent(CONTENT, "a/.g.part", 8))])
    end(memory)
    assert memory.intent(PATH) is None
    assert memory.intent(OTHER) == Intent(CONTENT, "a/.g.part", 8, int(NOON))


def test_who_forgoes_a_path_leaves_it_free_and_its_intent_alone(open_memory: Open) -> None:
    memory = open_memory(shared=True)
    memory.intend([(PATH, Intent(CONTENT, "a/.f.part", 7))])
    memory.reserve(PATH, b"first")
    memory.forgo(PATH)
    assert memory.reserve(PATH, b"second") is Reservation.RESERVED
    assert memory.intent(PATH) == Intent(CONTENT, "a/.f.part", 7, int(NOON))


def test_an_intent_nobody_came_back_for_is_forgotten(open_memory: Open, clock: Clock) -> None:
    open_memory().intend([(PATH, Intent(CONTENT, "a/.f.part", 7))])
    clock.now += 4 * DAY
    assert open_memory().intent(PATH) is None


def test_an_intent_that_a_death_left_does_not_outlive_what_is_remembered(open_memory: Open, clock: Clock) -> None:
    memory = open_memory()
    memory.intend([(PATH, Intent(CONTENT, "a/.f.part", 7))])
    clock.now += 3 * DAY
    assert memory.intent(PATH) is not None
    clock.now += DAY
    assert (memory.recall(PATH), memory.intent(PATH)) == (None, None)


def test_a_restarted_machine_keeps_histories_and_drops_what_was_not_synced(open_memory: Open) -> None:
    memory = open_memory(shared=True, boot="one")
    memory.commit({PATH: KNOWN})
    memory.intend([(PATH, Intent(CONTENT, "a/.f.part", 7))])
    memory = open_memory(shared=True, boot="two")
    assert memory.intent(PATH) is None
    assert memory.recall(PATH) == KNOWN


def test_a_garbled_store_is_moved_aside_and_a_new_one_begun(open_memory: Open, tmp_path: Path) -> None:
    memory = open_memory()
    memory.commit({PATH: KNOWN})
    memory.close()
    day = next((tmp_path / "memory" / "days").iterdir()).name
    data_file(tmp_path, f"days/{day}").write_bytes(b"\xff" * 65_536)
    memory = open_memory()
    assert memory.recall(PATH) is None
    memory.commit({PATH: TWICE})
    assert memory.recall(PATH) == TWICE
    assert len(list((tmp_path / "memory" / "days").glob(f"{day}.damaged-*"))) == 1


def test_a_truncated_store_is_moved_aside_and_the_other_days_are_kept(open_memory: Open, clock: Clock, tmp_path: Path) -> None:
    memory = open_memory()
    memory.commit({OTHER: KNOWN})
    clock.now += DAY
    memory.commit({number.to_bytes(16): KNOWN for number in range(2000)})
    memory.close()
    newest = data_file(tmp_path, f"days/{max(folder.name for folder in (tmp_path / 'memory' / 'days').iterdir())}")
    with newest.open("r+b") as file:
        file.truncate(newest.stat().st_size // 2)
    memory = open_memory()
    assert memory.recall((3).to_bytes(16)) is None
    assert memory.recall(OTHER) == KNOWN


def test_a_damaged_record_counts_as_unknown_and_is_replaced(open_memory: Open, tmp_path: Path) -> None:
    open_memory().close()
    with lmdb.open(str(next((tmp_path / "memory" / "days").iterdir()))) as store, store.begin(write=True) as transaction:
        transaction.put(PATH, b"no record")
    memory = open_memory()
    assert memory.recall(PATH) is None
    memory.commit({PATH: KNOWN})
    assert memory.recall(PATH) == KNOWN


def test_a_full_store_grows_by_itself(open_memory: Open) -> None:
    memory = open_memory(map_size=128 * 1024)
    for batch in range(20):
        memory.commit({(batch * 500 + number).to_bytes(16): KNOWN for number in range(500)})
        assert memory.recall((batch * 500).to_bytes(16)) == KNOWN
    assert sum(day["records"] for day in memory.statistics()["days"].values()) == 10_000


def test_a_store_that_another_process_has_grown_is_followed(open_memory: Open, tmp_path: Path) -> None:
    memory = open_memory(shared=True, map_size=128 * 1024)
    history = f"History({{{CONTENT!r}: 1}}, {{{ANNOUNCER!r}: Said({{{CONTENT!r}: Saying(1, 10**18)}})}})"
    with Instance(tmp_path / "memory", NOON) as other:
        other.ask(f"memory.commit({{number.to_bytes(16): {history} for number in range(10_000)}})")
        assert memory.recall((9_999).to_bytes(16)) == KNOWN
        memory.commit({PATH: TWICE})
    assert memory.recall(PATH) == TWICE


def test_two_processes_turn_to_a_new_day(open_memory: Open, clock: Clock, tmp_path: Path) -> None:
    memory = open_memory(shared=True)
    memory.commit({PATH: KNOWN})
    clock.now += DAY
    with Instance(tmp_path / "memory", clock.now) as other:
        other.ask(f"memory.commit({{{OTHER!r}: memory.recall({PATH!r})}})")
        assert memory.recall(OTHER) == KNOWN


def test_a_memory_of_another_version_is_left_alone(open_memory: Open, tmp_path: Path) -> None:
    open_memory().close()
    (tmp_path / "memory" / "VERSION").write_text("winnowry memory 99\n")
    with pytest.raises(ConfigError, match="winnowry memory 99"):
        Memory(tmp_path / "memory", remember=timedelta(days=3), shared=False)


def test_rounds_and_commits_on_two_threads_see_what_they_must(open_memory: Open) -> None:
    memory = open_memory(shared=True)
    seen: list[bool] = []

    def commit() -> None:
        for number in range(200):
            memory.commit({number.to_bytes(16): KNOWN})

    thread = Thread(target=commit)
    for number in range(200):
        memory.reserve(number.to_bytes(16), b"round")
    thread.start()
    for number in range(200):
        while memory.reserve(number.to_bytes(16), b"twin") is not Reservation.RESERVED:
            pass
        seen.append(memory.recall(number.to_bytes(16)) == KNOWN)
    thread.join()
    assert seen == [True] * 200


def test_statistics_count_records_by_day(open_memory: Open) -> None:
    memory = open_memory()
    memory.commit({PATH: KNOWN, OTHER: KNOWN})
    memory.reserve(PATH, b"first")
    assert memory.statistics() == {"days": {"2024-10-04": {"records": 2, "bytes": 4096}}, "reserved": 1}


@pytest.mark.parametrize(
    "error", [kind for kind in vars(lmdb).values() if isinstance(kind, type) and issubclass(kind, Exception)]
)
def test_every_error_of_the_store_is_translated(error: type[Exception]) -> None:
    with pytest.raises(DiskTrouble), TROUBLE:
        raise error("what")


def test_a_full_disk_is_told_from_a_failing_one() -> None:
    with pytest.raises(DiskTrouble) as full, TROUBLE:
        raise OSError(ENOSPC, "No space left on device")
    with pytest.raises(DiskTrouble) as failing, TROUBLE:
        raise OSError(EIO, "Input/output error")
    assert (full.value.reason, failing.value.reason) == (Reason.DISK_FULL, Reason.DISK_ERROR)


def test_what_is_remembered_beside_a_claim_leaves_reservations_alone(open_memory: Open) -> None:
    memory = open_memory()
    memory.reserve(PATH, b"mine")
    memory.reserve(OTHER, b"other")
    memory.intend([(OTHER, Intent(CONTENT, "a/.b.winnowry", 7))])
    assert memory.commit({PATH: KNOWN}, {OTHER: TWICE}) == []
    assert (memory.recall(PATH), memory.recall(OTHER)) == (KNOWN, TWICE)
    assert memory.reserve(OTHER, b"third") is Reservation.TAKEN_HERE
    assert memory.intended() == frozenset({"a/.b.winnowry"})


def test_who_is_lost_gives_up_what_it_reserved(open_memory: Open) -> None:
    memory = open_memory()
    memory.reserve(PATH, b"lost")
    memory.reserve(OTHER, b"other")
    memory.reserve(PATH, b"waits")
    assert memory.abandon(b"lost") == [b"waits"]
    assert memory.abandon(b"lost") == []
    assert memory.reserve(PATH, b"waits") is Reservation.RESERVED
    assert memory.reserve(OTHER, b"waits") is Reservation.TAKEN_HERE
