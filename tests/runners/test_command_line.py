import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from winnowry.runners.cli.subscribe import queue_for
from winnowry.runners.control import Control

EXAMPLES = Path(__file__).parents[2] / "examples"
TWO_SOURCES = str(EXAMPLES / "two-sources.yaml")
VERBS = ("check", "plan", "declare", "run", "post", "subscribe", "status", "audit", "hold", "lift", "demo")
ON_FLINK = ("start", "status", "savepoint", "stop", "upgrade", "points", "workers", "local")
WITHOUT_BEAM = """
import sys
from winnowry.runners.cli.app import main
try:
    main()
finally:
    assert "apache_beam" not in sys.modules, "Beam was imported"
"""


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who knows one password, at home in a folder of the test."""
    places = {f"XDG_{kind}_HOME": str(tmp_path / kind.lower()) for kind in ("CONFIG", "STATE")}
    return (
        os.environ | places | {"HOME": str(tmp_path), "NO_COLOR": "1", "COLUMNS": "120", "WINNOWRY_PASSWORD_FEEDER": "hunter2"}
    )


def winnowry(home: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_BEAM, *arguments], env=home, text=True, capture_output=True, check=False
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", TWO_SOURCES),
        ("plan", TWO_SOURCES, "--offline"),
        ("declare", TWO_SOURCES, "--print"),
        ("--help",),
        ("--version",),
        ("--show-completion", "bash"),
        ("schemas", "check"),
        *(
            (verb, "--help")
            for verb in (
                "check",
                "plan",
                "declare",
                "run",
                "post",
                "subscribe",
                "status",
                "audit",
                "hold",
                "lift",
                "demo",
                "dead-letters",
                "flink",
            )
        ),
        *(("flink", verb, "--help") for verb in ON_FLINK),
    ],
)
def test_looking_needs_no_beam_and_shows_no_password(home: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = winnowry(home, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "hunter2" not in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(home: dict[str, str], verb: str) -> None:
    assert f"Example: winnowry {verb}" in winnowry(home, verb, "--help").stdout.replace("│", "")


@pytest.mark.parametrize("verb", ON_FLINK)
def test_help_has_an_example_of_each_verb_on_flink(home: dict[str, str], verb: str) -> None:
    assert f"Example: winnowry flink {verb}" in winnowry(home, "flink", verb, "--help").stdout.replace("│", "")


def test_a_flink_that_is_out_of_reach_ends_with_1_and_is_named(home: dict[str, str]) -> None:
    for verb in ("start", "status", "savepoint", "stop"):
        done = winnowry(home, "flink", verb, TWO_SOURCES, "ingest", "--flink", "127.0.0.1:1")
        assert done.returncode == 1
        assert "Flink at http://127.0.0.1:1: ConnectionError" in (done.stdout + done.stderr).replace("\n", " ")


def test_a_right_file_is_said_to_be_right(home: dict[str, str]) -> None:
    assert winnowry(home, "check", TWO_SOURCES).stdout == f"{TWO_SOURCES}: ddi.example.org is right: 4 users, 4 pumps\n"
    described = json.loads(winnowry(home, "check", TWO_SOURCES, "--json").stdout)
    assert described["pumps"] == ["ingest", "fuse", "carol", "dave"]


def test_the_schema_of_the_file_is_exported(home: dict[str, str], tmp_path: Path) -> None:
    done = winnowry(home, "schemas", "export", "--into", str(tmp_path / "schemas"))
    assert done.returncode == 0
    schema = json.loads((tmp_path / "schemas" / "cluster-file.schema.json").read_text())
    assert schema["required"] == ["cluster", "broker", "data", "pumps"]
    assert schema["additionalProperties"] is False
    assert {"post.avsc", "report.avsc"} <= {path.name for path in (tmp_path / "schemas").iterdir()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "nowhere.yaml"), "nowhere.yaml: cannot read the cluster file: No such file or directory"),
        (("run", TWO_SOURCES, "ingst"), "no pump is called `ingst`; did you mean `ingest`?"),
        (("run", TWO_SOURCES, "carol"), "no password is known for carol at localhost"),
        (("run", TWO_SOURCES, "--engine", "fast"), "'fast'"),
        (("subscribe", "http://h/", "--into", "x"), "URL: this is no broker's URL"),
        (("subscribe", "amqp://a:hunter2@h/", "--into", "x", "--expires", "2"), "--expires: '2' is no duration"),
        (
            ("subscribe", "amqp://a:hunter2@h/", "--into", "x", "--accept", "re:("),
            "--accept: the pattern 're:(' cannot be read",
        ),
        (("subscribe", "amqp://a:hunter2@h/", "--into", "x", "--durability", "disk"), "--durability: "),
        (("post", "x", "--to", "amqp://h/", "--base-url", "http://h/"), "--to: the URL names no account"),
        (("declare", TWO_SOURCES, "--management", "http://a:hunter2/@h/"), "--management: this is no URL"),
        (("audit", "nowhere.yaml"), "nowhere.yaml: cannot read the cluster file: No such file or directory"),
        (("audit", TWO_SOURCES, "--pump", "ingst"), "no pump is called `ingst`; did you mean `ingest`?"),
        (("audit", TWO_SOURCES, "--for", "long"), "--for: 'long' is no duration"),
        (("flink", "stop", TWO_SOURCES), "which Flink? Say `engine: {name: flink, master: HOST:PORT}` in the file"),
        (("flink", "stop", TWO_SOURCES, "ingst"), "no pump is called `ingst`; did you mean `ingest`?"),
        (("flink", "start", TWO_SOURCES, "--flink", "h:1", "--from", "file:///x"), "--from: name the pump"),
        (("flink", "workers", "h:1", "--state-cache", "much"), "--state-cache: 'much' is no size"),
        (("demo", "--largest", "much"), "--largest: 'much' is no size"),
    ],
)
def test_a_wrong_command_line_ends_with_2(home: dict[str, str], arguments: tuple[str, ...], message: str) -> None:
    done = winnowry(home, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_a_wrong_cluster_file_ends_with_2_and_its_problems(home: dict[str, str]) -> None:
    golden = Path(__file__).parent / "golden"
    for verb in (("check",), ("plan", "--offline"), ("run",), ("status",)):
        done = winnowry(home | {"PWD": str(golden)}, verb[0], str(golden / "typos.yaml"), *verb[1:])
        assert done.returncode == 2
        assert done.stderr.replace(f"{golden}/", "") == (golden / "typos.txt").read_text()


def test_status_asks_each_running_pump(home: dict[str, str]) -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        return {"state": "running"} if request == {"do": "status"} else {}

    folder = Path(home["XDG_STATE_HOME"]) / "winnowry" / "ddi.example.org" / "ingest"
    with Control(folder / "1" / "control.sock", answer):
        done = winnowry(home, "status", TWO_SOURCES, "--json")
        assert "running" in winnowry(home, "status").stdout
    place = {"cluster": "ddi.example.org", "pump": "ingest", "instance": "1"}
    assert (done.returncode, json.loads(done.stdout)) == (0, [place | {"state": "running"}])


def test_hold_and_lift_ask_all_instances_of_a_pump_and_no_other(home: dict[str, str]) -> None:
    asked: list[dict[str, Any]] = []

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request)
        return {"state": "held" if request["do"] == "hold" else "running"}

    folder = Path(home["XDG_STATE_HOME"]) / "winnowry" / "ddi.example.org"
    sockets = [folder / pump / number / "control.sock" for pump, number in (("ingest", "1"), ("ingest", "2"), ("fuse", "1"))]
    with Control(sockets[0], answer), Control(sockets[1], answer), Control(sockets[2], answer):
        held = winnowry(home, "hold", TWO_SOURCES, "ingest", "--reason", "disks")
        lifted = winnowry(home, "lift", TWO_SOURCES, "ingest")
    assert (held.returncode, held.stdout) == (0, "ingest/1 is held\ningest/2 is held\n")
    assert (lifted.returncode, lifted.stdout) == (0, "ingest/1 is running\ningest/2 is running\n")
    assert [(request["do"], request.get("reason")) for request in asked] == [("hold", "disks")] * 2 + [("lift", None)] * 2


def test_holding_what_does_not_run_ends_with_1_and_what_is_not_there_with_2(home: dict[str, str]) -> None:
    idle = winnowry(home, "hold", TWO_SOURCES, "ingest", "--reason", "disks")
    assert (idle.returncode, idle.stderr) == (1, "no instance of ingest is running\n")
    wrong = winnowry(home, "lift", TWO_SOURCES, "ingset")
    assert (wrong.returncode, wrong.stderr) == (2, "no pump is called `ingset`; did you mean `ingest`?\n")


def test_status_of_nothing_ends_with_1(home: dict[str, str]) -> None:
    done = winnowry(home, "status")
    assert (done.returncode, done.stdout) == (1, "no pump is running\n")


def test_status_names_the_cluster_wherever_its_state_is(home: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(Path(TWO_SOURCES).read_text() + "state: elsewhere\n")
    with Control(tmp_path / "elsewhere" / "fuse" / "2" / "control.sock", lambda request: {}):
        done = winnowry(home, "status", str(file), "--json")
    assert json.loads(done.stdout) == [{"cluster": "ddi.example.org", "pump": "fuse", "instance": "2"}]


def test_a_folder_has_one_queue_however_it_is_written_and_another_folder_has_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    ours = queue_for("amqp://carol@localhost/", Path("data"), "xpublic")
    assert queue_for("amqp://carol@localhost/", tmp_path / "here" / "data", "xpublic") == ours
    monkeypatch.chdir(tmp_path / "there")
    assert queue_for("amqp://carol@localhost/", Path("data"), "xpublic") != ours
