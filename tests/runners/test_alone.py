import os
import threading
from pathlib import Path

import pytest

from winnowry.runners.alone import alone
from winnowry.schemas.errors import DiskTrouble


def test_a_second_process_in_the_folder_of_an_instance_is_told_of_the_first(tmp_path: Path) -> None:
    with (
        alone(tmp_path / "1"),
        alone(tmp_path / "2"),
        pytest.raises(DiskTrouble, match=f"process {os.getpid()} works in"),
        alone(tmp_path / "1", patience=0.0),
    ):
        pass


def test_who_comes_while_another_ends_waits_for_that(tmp_path: Path) -> None:
    in_the_house = threading.Event()

    def come() -> None:
        with alone(tmp_path):
            in_the_house.set()

    with alone(tmp_path):
        second = threading.Thread(target=come)
        second.start()
        assert not in_the_house.wait(0.3), "the second did not wait"
    assert in_the_house.wait(10), "the second was not let in"
    second.join()
