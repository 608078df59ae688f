import errno
from pathlib import Path

import pytest

from winnowry.io.crashes import REMEMBERED, CrashBook

ONE, TWO = b"1" * 16, b"2" * 16


def test_what_was_underway_at_a_crash_is_counted_each_time(tmp_path: Path) -> None:
    file = tmp_path / "1" / "crashes.json"
    CrashBook(file, crashed=False).begin([ONE, TWO])
    second = CrashBook(file, crashed=True)
    assert (second.crashes(ONE), second.crashes(TWO)) == (1, 1)
    second.begin([ONE])
    third = CrashBook(file, crashed=True)
    assert (third.crashes(ONE), third.crashes(TWO)) == (2, 1)


def test_a_process_that_was_killed_is_no_crash(tmp_path: Path) -> None:
    CrashBook(tmp_path / "crashes.json", crashed=False).begin([ONE])
    assert CrashBook(tmp_path / "crashes.json", crashed=False).crashes(ONE) == 0
    assert CrashBook(tmp_path / "crashes.json", crashed=True).crashes(ONE) == 0


def test_what_has_come_to_an_end_is_forgotten(tmp_path: Path) -> None:
    CrashBook(tmp_path / "crashes.json", crashed=False).begin([ONE, TWO])
    book = CrashBook(tmp_path / "crashes.json", crashed=True)
    book.begin([ONE])
    book.end(ONE)
    after = CrashBook(tmp_path / "crashes.json", crashed=True)
    assert (after.crashes(ONE), after.crashes(TWO)) == (0, 1)


def test_a_crash_is_forgotten_after_a_day(tmp_path: Path) -> None:
    CrashBook(tmp_path / "crashes.json", crashed=False, clock=lambda: 0.0).begin([ONE])
    CrashBook(tmp_path / "crashes.json", crashed=True, clock=lambda: 0.0)
    CrashBook(tmp_path / "crashes.json", crashed=False, clock=lambda: 1.0).begin([TWO])
    assert CrashBook(tmp_path / "crashes.json", crashed=False, clock=lambda: REMEMBERED - 1).crashes(ONE) == 1
    assert CrashBook(tmp_path / "crashes.json", crashed=False, clock=lambda: REMEMBERED).crashes(ONE) == 0


def test_a_damaged_book_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "crashes.json").write_bytes(b'{"underway": [\xff')
    book = CrashBook(tmp_path / "crashes.json", crashed=True)
    book.begin([ONE])
    assert CrashBook(tmp_path / "crashes.json", crashed=True).crashes(ONE) == 1


def test_an_end_that_a_full_disk_does_not_take_is_told_with_the_next_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "crashes.json"
    book = CrashBook(file, crashed=False)
    book.begin([ONE])
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", no_space)
        book.end(ONE)
    book.begin([TWO])
    after = CrashBook(file, crashed=True)
    assert (after.crashes(ONE), after.crashes(TWO)) == (0, 1)


def no_space(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")
