"""What becomes of a pump whose memory is damaged: it begins anew by itself, which costs repeats and never files."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from relays import DEAD, HEARD, Relay, a_file, a_station, announce, said
from small_disks import small_disk

from winnowry.io.fake_server import FakeExchangeServer
from winnowry.io.later_store import LaterStore
from winnowry.io.memory.store import open_store
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

FILES = 300
Damage = Callable[[Path], None]


def cut_to(share: float) -> Damage:
    """Shorten a file to this share of its length."""
    return lambda file: os.truncate(file, int(file.stat().st_size * share))


def fill_with(byte: bytes) -> Damage:
    return lambda file: file.write_bytes(byte * file.stat().st_size) and None


def fill_pages_with_noise(file: Path) -> None:
    """Write noise over every page but the first two, which say where everything is."""
    noise = random.Random(1)
    with file.open("r+b") as opened:
        for page in range(2, file.stat().st_size // 4096):
            opened.seek(page * 4096)
            opened.write(noise.randbytes(4096))


def of_another_version(file: Path) -> None:
    """Change the version in both meta pages."""
    with file.open("r+b") as opened:
        for page in (0, 4096):
            opened.seek(page + 20)
            opened.write((999).to_bytes(4, sys.byteorder))


DAMAGES: dict[str, Damage] = {
    "cut to nothing": cut_to(0),
    "cut within its first page": lambda file: os.truncate(file, 100),
    "cut in the middle": cut_to(0.5),
    "cut before its end": lambda file: os.truncate(file, file.stat().st_size - 4096),
    "zeros": fill_with(b"\0"),
    "noise": fill_with(b"\xa5"),
    "noise on pages": fill_pages_with_noise,
    "another version": of_another_version,
    "gone": Path.unlink,
}
PLACES = ["days/*/data.mdb", "intents/data.mdb", "reservations/data.mdb"]


def offer(server: FakeExchangeServer, *numbers: int, at: float = 0.0) -> None:
    for number in numbers:
        announce(server, a_file(f"f/{number}", "1", at=at))


def live(server: FakeExchangeServer, folder: Path) -> None:
    """Run a pump until it is idle; it ends as if it had been killed."""
    relay = Relay(server, folder, shared=True)
    relay.run()
    relay.end()
    (folder / "owners" / "0123456789abcdef").touch()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("place", PLACES)
def test_a_memory_damaged_while_its_pump_was_dead_costs_repeats_and_no_file(place: str, damage: str, tmp_path: Path) -> None:
    server, folder = a_station(), tmp_path / "memory"
    offer(server, *range(FILES))
    live(server, folder)
    for file in folder.glob(place):
        DAMAGES[damage](file)
    for at in (1, 2):
        offer(server, *range(FILES), FILES, at=at)
        live(server, folder)
    heard = [path for path, _ in said(server.bodies(HEARD))]
    again = FILES if place.startswith("days") else 0
    assert set(heard) == {f"f/{number}" for number in range(FILES + 1)}
    assert (len(heard), server.bodies(DEAD)) == (FILES + 1 + again, [])


@pytest.mark.parametrize("lost", ["owners", "boot", "opening", "intents", "reservations", "days", "days/*/lock.mdb"])
def test_a_memory_of_which_something_is_missing_is_made_whole(lost: str, tmp_path: Path) -> None:
    server, folder = a_station(), tmp_path / "memory"
    offer(server, *range(FILES))
    live(server, folder)
    for path in folder.glob(lost):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for at in (1, 2):
        offer(server, *range(FILES), FILES, at=at)
        live(server, folder)
    heard = [path for path, _ in said(server.bodies(HEARD))]
    assert set(heard) == {f"f/{number}" for number in range(FILES + 1)}
    assert (len(heard), server.bodies(DEAD)) == (FILES + 1 + (FILES if lost == "days" else 0), [])


def test_a_memory_whose_version_a_full_disk_left_empty_is_opened(tmp_path: Path) -> None:
    server, folder = a_station(), tmp_path / "memory"
    live(server, folder)
    (folder / "VERSION").write_bytes(b"")
    offer(server, 1)
    live(server, folder)
    assert said(server.bodies(HEARD)) == [("f/1", "1")]


@pytest.mark.parametrize("place", PLACES)
def test_a_memory_that_turns_out_to_be_damaged_while_it_is_open_is_begun_anew(place: str, tmp_path: Path) -> None:
    """As when a disk gives back other bytes than it was given."""
    server, folder = a_station(), tmp_path / "memory"
    offer(server, *range(FILES))
    live(server, folder)
    relay = Relay(server, folder, shared=True)
    (file,) = folder.glob(place)
    fill_pages_with_noise(file)
    offer(server, *range(FILES), FILES, at=1)
    relay.run()
    relay.end()
    heard = [path for path, _ in said(server.bodies(HEARD))]
    assert set(heard) == {f"f/{number}" for number in range(FILES + 1)}
    assert server.bodies(DEAD) == []


def test_a_store_begun_on_a_full_disk_is_trouble_and_not_death(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        disk.fill()
        done = subprocess.run([sys.executable, "-c", _OPEN, disk.folder / "store"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "disk_full\n"), done.stderr
        disk.clear()
        open_store(disk.folder / "store", synced=True).close()


_OPEN = """
import sys
from pathlib import Path
from winnowry.io.memory.store import open_store
from winnowry.schemas.errors import DiskTrouble
try:
    open_store(Path(sys.argv[1]), synced=True)
except DiskTrouble as trouble:
    print(trouble.reason.code)
"""
FIRST = Delivery(body=b"{}" * 300, queue="q_dd.subscribe", exchange="xpublic", tag=7)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_store_of_later_work_that_is_damaged_is_moved_aside_and_works_again(damage: str, tmp_path: Path) -> None:
    file = tmp_path / "later.sqlite"
    store = LaterStore(file)
    store.postpone([(FIRST, 0.0, Reason.UNREACHABLE)] * FILES, now=0)
    store.close()
    DAMAGES[damage](file)
    for _ in range(2):
        store = LaterStore(file)
        saved = len(store.due(10, limit=2 * FILES))
        store.close()
    store = LaterStore(file)
    store.postpone([(FIRST, 0.0, Reason.UNREACHABLE)], now=0)
    assert len(store.due(10, limit=2 * FILES)) == saved + 1
    assert len(list(tmp_path.glob("later.sqlite.damaged-*"))) == (damage not in ("cut to nothing", "gone"))


def test_what_can_be_read_of_a_damaged_store_of_later_work_is_saved(tmp_path: Path) -> None:
    file = tmp_path / "later.sqlite"
    store = LaterStore(file)
    store.postpone([(FIRST, 0.0, Reason.UNREACHABLE)] * FILES, now=0)
    store.bury([Outcome(ending=Ending.FAILED, reason=Reason.GONE, delivery=FIRST)], now=0)
    store.close()
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        opened.write(random.Random(1).randbytes(4096))
    saved = LaterStore(file)
    assert (0 < len(saved.due(10)) < FILES, len(saved.browse())) == (True, 1)
