"""Two instances never work with two memories."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from brokers import eventually
from instances import Instance

from winnowry.io.memory import Memory
from winnowry.io.memory.probe import unsound
from winnowry.schemas.errors import DiskTrouble

NOON = 20_000 * 86_400 + 43_200.0
PATH = b"p" * 16
FILL = (
    "memory.commit({n.to_bytes(16): History({bytes(16): 1}, {bytes(8): Said({bytes(16): Saying(1, 1)})})"
    " for n in range(%d, %d)})"
)


def opened(folder: Path) -> Memory:
    return Memory(folder, remember=timedelta(days=3), shared=True, clock=lambda: NOON)


def data_of(folder: Path) -> Path:
    (store,) = (folder / "days").iterdir()
    return store / "data.mdb"


def garble(file: Path) -> None:
    """Overwrite whatever is behind the first pages, which say where everything is."""
    with file.open("r+b") as store:
        store.seek(2 * 4096)
        store.write(b"\xff" * (file.stat().st_size - 2 * 4096))


def test_a_store_that_another_instance_makes_larger_meanwhile_is_not_taken_for_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    with Instance(folder, NOON) as other:
        other.ask(FILL % (0, 1000))
        over = threading.Event()

        def grow() -> None:
            for start in range(1000, 400_000, 4000):
                if over.is_set():
                    return
                other.ask(FILL % (start, start + 4000))

        growing = threading.Thread(target=grow)
        growing.start()
        found = [unsound([data_of(folder).parent]) for _ in range(12)]
        over.set()
        growing.join()
    assert found == [[]] * 12


def test_who_begins_a_damaged_memory_anew_waits_until_all_others_have_left_it(tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    with Instance(folder, NOON) as other:
        with Instance(folder, NOON) as dead:
            dead.ask(FILL % (0, 1000))
        garble(data_of(folder))
        begun: list[Memory] = []
        beginning = threading.Thread(target=lambda: begun.append(opened(folder)))
        beginning.start()
        eventually((folder / "leave").exists, what="the call to leave")
        assert begun == []
        assert other.ask("memory.check()") == ""  # it raises, and the instance dies of it
        beginning.join(20)
    assert begun[0].recall(PATH) is None
    assert len(list((folder / "days").glob("*.damaged-*"))) == 1
    begun[0].close()


def test_an_instance_that_finds_damage_while_others_work_calls_all_to_leave(tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    memory = opened(folder)
    with Instance(folder, NOON) as other:
        memory.check()
        with pytest.raises(DiskTrouble, match="everybody leaves"):
            memory._make_way()
        with pytest.raises(DiskTrouble, match="everybody leaves"):
            memory.check()
        assert other.ask("memory.check()") == ""
    memory.close()
    afresh = opened(folder)
    afresh.check()
    afresh._make_way()
    afresh.close()
