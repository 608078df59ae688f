import os
import shutil
from pathlib import Path

from relays import Clock

from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.runners.engines.watches import PATIENCE, AlarmWatch, DiskWatch, DownstreamWatch, ParkedWatch


def test_a_disk_holds_the_pump_when_what_is_on_its_way_would_fill_it(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    expected = [0]
    watch = DiskWatch([tmp_path], free // 2, lambda: expected[0])
    assert watch.look(held=False) is None
    expected[0] = free
    assert "are on their way" in str(watch.look(held=False))


def test_a_disk_lets_the_pump_go_on_when_a_quarter_more_is_free(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    watch = DiskWatch([tmp_path], int(free / 1.1), lambda: 0)
    assert watch.look(held=False) is None
    assert watch.look(held=True) is not None
    assert DiskWatch([tmp_path], free // 2, lambda: 0).look(held=True) is None


def test_without_a_setting_a_hundredth_of_the_disk_stays_free(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    watch = DiskWatch([tmp_path], None, lambda: free - min(2**30, size // 100) - 2**28)
    assert watch.look(held=False) is None
    nearly = DiskWatch([tmp_path], None, lambda: free - min(2**30, size // 100) + 2**28)
    assert nearly.look(held=False) is not None


def test_a_disk_that_cannot_be_asked_holds_the_pump(tmp_path: Path) -> None:
    assert "No such file" in str(DiskWatch([tmp_path / "unmounted"], None, lambda: 0).look(held=False))


def test_a_broker_that_is_blocked_holds_the_pump_and_says_why() -> None:
    server = FakeExchangeServer()
    watch = AlarmWatch([FakeBroker(server)])
    assert watch.look(held=False) is None
    server.block("low on memory")
    assert watch.look(held=False) == "fake publishes nothing: low on memory"
    server.unblock()
    assert watch.look(held=True) is None


def test_silence_downstream_holds_the_pump_after_some_seconds_until_it_is_over() -> None:
    clock, since, unheard = Clock(100.0), [100.0], [0]
    watch = DownstreamWatch(FakeBroker(FakeExchangeServer()), lambda: since[0] if since else None, lambda: unheard[0], clock)
    clock.now += PATIENCE
    assert watch.look(held=False) is None
    clock.now += 0.1
    assert watch.look(held=False) == "fake confirms nothing: connected"
    unheard[0] = 3
    assert watch.look(held=True) == "no queue takes what is announced"
    since[0] = clock.now
    assert watch.look(held=True) is not None
    since.clear()
    assert watch.look(held=True) is None


def test_too_many_parked_hold_the_pump_until_half_have_gone_on() -> None:
    parked = [10]
    watch = ParkedWatch(lambda: parked[0], 10)
    assert watch.look(held=False) is None
    parked[0] = 11
    assert watch.look(held=False) == "11 wait for transfers or twins"
    parked[0] = 6
    assert watch.look(held=True) is not None
    parked[0] = 5
    assert watch.look(held=True) is None
