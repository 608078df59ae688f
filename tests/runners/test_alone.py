import threading
from pathlib import Path

import pytest

from winnowry.runners.alone import alone
from winnowry.schemas.errors import DiskTrouble


def test_a_second_process_in_the_folder_of_an_instance_is_told_of_the_first(tmp_path: Path) -> None:
    with (
        alone(tmp_path / "1"),
        alone(tmp_path / "2"),
        pytest.raises(DiskTrouble, match="another process works in"),
        alone(tmp_path / "1", patience=0.0),
    ):
        pass


def test_who_comes_while_another_ends_waits_for_that(tmp_path: Path) -> None:
    waiting = threading.Event()
    ended: list[str] = []

    def come() -> None:
        waiting.set()
        with alone(tmp_path):
            ended.append("second")

    with alone(tmp_path):
        second = threading.Thread(target=come)
        second.start()
        waiting.wait()
        ended.append("first")
    second.join()
    assert ended == ["first", "second"]
