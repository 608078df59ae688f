import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from brokers import eventually
from flink_jars import JARS

pytestmark = pytest.mark.e2e

PROGRAM = Path(sys.executable).with_name("winnowry")


def start(folder: Path, *options: str, files: int = 300) -> "subprocess.Popen[str]":
    command = [PROGRAM, "demo", "--files", str(files), "--largest", "5000000", *options]
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "TMPDIR": str(folder), "COLUMNS": "200"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(demonstration: "subprocess.Popen[str]", seconds: float = 240.0) -> tuple[int, str]:
    printed, _ = demonstration.communicate(timeout=seconds)
    return demonstration.returncode, printed


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
    code, printed = finish(start(tmp_path))
    assert code == 0, printed
    assert "bob's file server has just been killed" in printed
    assert "✓ carol's tree is identical" in printed
    assert "✓ dave's tree is identical" in printed
    assert "✓ every path was announced publicly, once" in printed
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.flink
@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("more", [(), ("--standalone",)], ids=["embedded", "standalone"])
def test_the_demonstration_on_flink_delivers_the_same_trees(tmp_path: Path, more: tuple[str, ...]) -> None:
    code, printed = finish(start(tmp_path, "--flink", str(JARS), *more, files=3000), 1700.0)
    assert code == 0, printed
    assert "bob's file server has just been killed" in printed
    assert "✓ carol's tree is identical" in printed
    assert "✓ dave's tree is identical" in printed
    assert "✓ every path was announced publicly, once" in printed
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    code, printed = finish(start(tmp_path, "--damage"))
    assert code == 1, printed
    assert "✗ not so: carol's tree is identical" in printed
    assert "differs in content" in printed
    assert "✓ dave's tree is identical" in printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_ended_demonstration_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    demonstration = start(tmp_path)
    assert demonstration.stdout is not None
    for line in demonstration.stdout:
        if line.startswith("xs_alice"):
            break
    demonstration.send_signal(number)
    code, printed = finish(demonstration)
    assert code == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number], printed
    eventually(lambda: left_running(tmp_path) == [], what="the end of all programs")
    eventually(lambda: list(tmp_path.iterdir()) == [], what="the removal of all folders")
