import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from house import ROOMS

REPOSITORY = Path(__file__).parents[1]
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


def tracked() -> list[str]:
    """Return the files of the repository as a clone would have them."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    return [path for path in listed.split("\0") if path and (REPOSITORY / path).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """The wheel of a clean copy, so that nothing left in the checkout can get into it."""
    clone, out = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("dist")
    for path in tracked():
        (clone / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / path, clone / path)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", BUILD, str(out)], cwd=clone, env=environment, check=True, capture_output=True)
    return ZipFile(next(out.glob("*.whl")))


def test_wheel_holds_what_the_rooms_hold(wheel: ZipFile) -> None:
    shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert shipped == {f"winnowry/{path}" for path in tracked() if path.split("/")[0] in ROOMS}


def test_wheel_ships_the_contracts_and_says_that_it_is_typed(wheel: ZipFile) -> None:
    shipped = set(wheel.namelist())
    assert {f"winnowry/{room}/py.typed" for room in ROOMS} <= shipped
    assert [name for name in shipped if name.endswith(".avsc")]


def test_wheel_installs_the_command(wheel: ZipFile) -> None:
    entry_points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "winnowry = winnowry.runners.cli.app:main" in wheel.read(entry_points).decode()
