import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

PROGRAM = Path(sys.executable).with_name("winnowry")


def demonstrate(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [PROGRAM, "demo", "--files", "300", "--largest", "5000000", *options]
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "TMPDIR": str(folder), "COLUMNS": "200"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


def left_running(folder: Path) -> list[str]:
    """Return the command lines of processes that were started with ``folder`` in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


def test_the_demonstration_delivers_everything_and_leaves_nothing(tmp_path: Path) -> None:
    done = demonstrate(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bob's file server has just been killed" in done.stdout
    assert "✓ carol's tree is identical" in done.stdout
    assert "✓ dave's tree is identical" in done.stdout
    assert "✓ every path was announced publicly, once" in done.stdout
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    done = demonstrate(tmp_path, "--damage")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "✗ carol: '" in done.stdout or "✗ not so: carol's tree is identical" in done.stdout
    assert "differs in content" in done.stdout
    assert "✓ dave's tree is identical" in done.stdout
    assert list(tmp_path.iterdir()) == []
