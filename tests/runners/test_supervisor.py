import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from brokers import eventually

from winnowry.runners import supervisor
from winnowry.runners.pulse import Pulse
from winnowry.runners.supervisor import FIRST_BACK_OFF, GOOD_RUN, LONGEST_BACK_OFF, Child, supervise, tend_all

ASK_TO_STOP = "kill -TERM $PPID"


pytestmark = pytest.mark.usefixtures("handlers")


def shell(script: str) -> Child:
    return Child(["sh", "-c", script], "toy/1")


def starts(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def tended(child: Child, now: float, file: Path) -> Callable[[], bool]:
    """Tend a child until it has started once more and died of it."""
    before = starts(file)

    def happens() -> bool:
        child.tend(now)
        return starts(file) == before + 1 and child._process is None

    return happens


def test_a_child_that_dies_is_started_again_after_longer_and_longer_waits(tmp_path: Path) -> None:
    file = tmp_path / "starts"
    child, now, wait = shell(f"echo x >> {file}; exit 1"), 0.0, FIRST_BACK_OFF
    for _ in range(8):
        eventually(tended(child, now, file), what="its death")
        child.tend(now + wait - 0.01)
        assert child._process is None
        now += wait
        wait = min(2 * wait, LONGEST_BACK_OFF)
    assert (starts(file), child.ended, wait) == (8, None, LONGEST_BACK_OFF)


def test_a_child_that_ran_well_is_started_again_soon(tmp_path: Path) -> None:
    file = tmp_path / "starts"
    child = shell(f"echo x >> {file}; exit 1")
    eventually(tended(child, 0.0, file))
    eventually(tended(child, 1.0, file))
    child.tend(10.0)
    eventually(lambda: starts(file) == 3)
    later = 10.0 + GOOD_RUN + 1
    eventually(lambda: (child.tend(later), child._process is None)[1])
    eventually(tended(child, later + FIRST_BACK_OFF, file))


@pytest.mark.parametrize(("code", "result"), [(0, 0), (2, 2)])
def test_a_child_that_ends_well_or_by_a_wrong_setting_is_not_started_again(code: int, result: int) -> None:
    assert tend_all([shell(f"exit {code}"), shell("exit 0")]) == result


def test_being_asked_to_stop_drains_all(tmp_path: Path) -> None:
    drains, runs = f"trap 'echo drained >> {tmp_path}/drained; exit 0' TERM", "while :; do sleep 0.05; done"
    asks = f"while [ ! -e {tmp_path}/ready ]; do sleep 0.05; done; {ASK_TO_STOP}"
    assert tend_all([shell(f"{drains}; touch {tmp_path}/ready; {runs}"), shell(f"{drains}; {asks}; {runs}")]) == 0
    assert starts(tmp_path / "drained") == 2


def test_a_child_that_is_stopped_while_it_starts_had_nothing_to_drain() -> None:
    assert tend_all([shell(f"{ASK_TO_STOP}; while :; do sleep 0.05; done")]) == 0


def test_a_child_that_dies_of_draining_is_told_of() -> None:
    assert tend_all([shell(f"trap 'exit 7' TERM; {ASK_TO_STOP}; while :; do sleep 0.05; done")]) == 1


def test_a_child_that_will_not_drain_is_killed() -> None:
    assert tend_all([shell(f"trap '' TERM; {ASK_TO_STOP}; while :; do sleep 0.05; done")], patience=0.2) == 1


def test_a_child_that_waits_for_its_next_start_is_not_started_to_be_stopped(tmp_path: Path) -> None:
    child = shell(f"echo x >> {tmp_path}/starts; exit 1")
    eventually(tended(child, 0.0, tmp_path / "starts"))
    child.stop()
    assert (child.drained(), child.ended) == (True, 0)


ANSWERS = """
import os, signal, sys, time
from pathlib import Path
from winnowry.runners.control import Control
with Control(Path(sys.argv[1]), lambda request: request):
    if not os.path.exists(sys.argv[2]):
        Path(sys.argv[2]).touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    {then}
"""


def answering(tmp_path: Path, then: str) -> Child:
    """Return a child that stops dead in its first life, once it answers, and does something in its second."""
    socket, script = tmp_path / "control.sock", ANSWERS.format(then=then)
    command = [sys.executable, "-c", script, str(socket), str(tmp_path / "was_here")]
    return Child(command, "toy/1", Pulse(socket), silence=8.0)


def test_a_child_that_hangs_is_killed_and_started_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tend_all([answering(tmp_path, "Path(sys.argv[2]).write_text(sys.argv[3])")]) == 0
    assert (tmp_path / "was_here").read_text() == "--crashed"
    said = "".join(capsys.readouterr())  # where logs go depends on who has set them up before
    assert "a pump hangs and is killed: it does not answer" in said
    assert "a pump died; it is started again" in said


def test_a_child_that_never_begins_to_answer_is_killed_too(tmp_path: Path) -> None:
    script = f"echo x >> {tmp_path}/starts; [ $(wc -l < {tmp_path}/starts) = 2 ] || exec sleep 600"
    assert tend_all([Child(["sh", "-c", script], "toy/1", Pulse(tmp_path / "control.sock"), silence=0.5)]) == 0
    assert starts(tmp_path / "starts") == 2


def test_each_instance_is_a_process_of_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[tuple[str, list[str]]] = []

    def note(children: list[Child]) -> int:
        commands.extend((child.name, list(child._command)[1:]) for child in children)
        return 0

    monkeypatch.setattr(supervisor, "tend_all", note)
    supervise(Path("cluster.yaml"), [("ingest", 1), ("fuse", 2)], state=Path(), until_idle=True, options=["--credentials", "c"])
    child, options = ["-m", "winnowry.runners.child", "cluster.yaml"], [f"--parent={os.getpid()}", "--credentials", "c"]
    assert commands == [
        ("ingest/1", [*child, "ingest", "1", *options, "--until-idle"]),
        ("fuse/2", [*child, "fuse", "2", *options, "--until-idle"]),
    ]


def test_a_wrong_cluster_file_ends_a_run_at_once(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text("cluster: [")
    assert supervise(file, [("ingest", 1)], state=tmp_path, until_idle=False) == 2
