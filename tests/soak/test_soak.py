"""A minute of the soak; `make soak MINUTES=30` runs it for longer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(900)]

TESTS = Path(__file__).parents[1]


def test_a_minute_of_kills_and_a_restart_of_the_broker_lose_nothing_and_show_nothing_twice() -> None:
    command = [sys.executable, str(TESTS / "soak" / "soak.py"), "--minutes=1"]
    environment = os.environ | {"PYTHONPATH": str(TESTS / "support")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
