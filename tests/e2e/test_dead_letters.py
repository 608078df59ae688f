import json
import os
import pty
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from brokers import Vhost
from msgspec.structs import replace

from winnowry.io.amqp import AmqpSettings
from winnowry.io.amqp.browse import browse
from winnowry.io.dead import bury
from winnowry.io.later_store import LaterStore, store_of
from winnowry.runners.cli.subscribe import consumer_of
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Terminal
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

pytestmark = pytest.mark.e2e

NEW_YEAR = 1_767_225_600_000_000_000
FILE = """
cluster: ddi.example.org
broker: amqp://runner@{host}:{port}/{vhost}
credentials: credentials.conf
data: data
state: state
pumps:
  relay: {{kind: shovel, from: {{feeder: "amqp://runner@{host}:{port}/{vhost}"}}, to: xpublic}}
  inbox: {{kind: subscribe, from: xpublic}}
"""


@pytest.fixture
def file(vhost: Vhost, tmp_path: Path) -> Path:
    (tmp_path / "credentials.conf").write_text(vhost.add_user("runner").replace("secret of", "secret%20of") + "\n")
    (tmp_path / "cluster.yaml").write_text(FILE.format(host=vhost.broker.host, port=vhost.broker.port, vhost=vhost.name))
    return tmp_path / "cluster.yaml"


def outcome(path: str, reason: Reason = Reason.NOT_FOUND, exchange: str = "xpublic", source: str = "alice") -> Outcome:
    body = json.dumps({"pubTime": "20260101T000000.5", "baseUrl": "http://a/", "relPath": path, "source": source}).encode()
    delivery = Delivery(
        body=body, queue="q_runner.relay", exchange=exchange, routing_key="v03.a", content_type="application/json"
    )
    return Outcome(ending=Ending.FAILED, reason=reason, delivery=delivery, detail="the server has no such file")


def give_up(vhost: Vhost, *outcomes: Outcome, when: int = NEW_YEAR) -> None:
    """Leave dead letters of the pump `relay`, whose queues are made."""
    for queue in ("q_runner.relay.dead", "q_runner.relay.later.1"):
        vhost.queue(queue)
    for given in outcomes:
        letter = bury(given, when, account="runner", pump="relay")
        vhost.publish("", letter.routing_key, letter.body, **letter.headers)


def winnowry(*arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("winnowry")), "dead-letters", *arguments]
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "200"} | ({"HOME": str(home)} if home is not None else {})
    return subprocess.run(
        command, env=environment, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=60
    )


def listed(file: Path, *options: str) -> list[str]:
    """Return the paths of the letters that `list` shows."""
    return [row["path"] for row in json.loads(winnowry("list", str(file), "--json", *options).stdout)]


def answered(answer: str, *arguments: str) -> tuple[int, str]:
    """Run the command on a terminal where somebody answers its question; return its code and what it showed."""
    person, terminal = pty.openpty()
    command = [str(Path(sys.executable).with_name("winnowry")), "dead-letters", *arguments]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, text=True) as process:
        os.close(terminal)
        shown = b""
        while b"?" not in shown:
            shown += os.read(person, 65536)
        os.write(person, answer.encode() + b"\n")
        with suppress(OSError):  # what a terminal says when its other side is closed
            while more := os.read(person, 65536):
                shown += more
        code = process.wait(60)
    os.close(person)
    return code, shown.decode()


def test_letters_are_listed_and_shown_and_stay(vhost: Vhost, file: Path) -> None:
    give_up(vhost, outcome("a"), outcome("b"))
    first, second = json.loads(winnowry("list", str(file), "--json").stdout)
    told = {"pump": "relay", "when": "2026-01-01T00:00:00+00:00", "ending": "failed", "reason": "not_found", "attempts": 1}
    told |= {"detail": "the server has no such file", "source": "alice", "path": "a"}
    assert first == told | {"name": first["name"]}
    assert "no such file" in winnowry("list", str(file), "--pump", "relay").stdout
    shown = json.loads(winnowry("show", str(file), second["name"][:8]).stdout)
    assert (json.loads(shown["body"])["relPath"], shown["exchange"], shown["headers"]) == ("b", "xpublic", {})
    assert vhost.depth("q_runner.relay.dead") == 2


def test_a_hostile_letter_commands_no_terminal(vhost: Vhost, file: Path) -> None:
    evil = outcome("")
    hostile = replace(evil.delivery, body="\x1b]0;evil\x07\x9b2J\u202e".encode())
    give_up(vhost, replace(evil, delivery=hostile, detail="[/red] \x1b[2J \u202e[link=http://evil/]"))
    listed = winnowry("list", str(file))
    (letter,) = json.loads(winnowry("list", str(file), "--json").stdout)
    shown = winnowry("show", str(file), letter["name"])
    assert (listed.returncode, shown.returncode) == (0, 0)
    assert "[/red]" in listed.stdout
    assert all(character.isprintable() or character == "\n" for character in listed.stdout + shown.stdout)
    assert json.loads(shown.stdout)["body"] == "\x1b]0;evil\x07\x9b2J\u202e"


def test_a_pump_that_never_ran_has_none(file: Path) -> None:
    done = winnowry("list", str(file))
    assert (done.returncode, done.stdout) == (0, "no dead letters\n")


def test_a_letter_that_is_not_there_ends_with_2(file: Path) -> None:
    done = winnowry("show", str(file), "ffff")
    assert (done.returncode, done.stderr) == (2, "no dead letter has a name that begins with ffff\n")


def test_browsing_what_is_not_there_says_so(vhost: Vhost) -> None:
    with pytest.raises(Terminal) as raised:
        browse(AmqpSettings(urls=(vhost.url,)), "q_none")
    assert raised.value.reason is Reason.NOT_FOUND


def test_filters_say_which_letters_are_meant(vhost: Vhost, file: Path) -> None:
    give_up(vhost, outcome("a/one.txt"), outcome("a/two.bufr", Reason.CHECKSUM_MISMATCH), when=NEW_YEAR)
    give_up(vhost, outcome("three.txt", exchange="xs_bob"), when=time.time_ns())
    assert listed(file) == ["a/one.txt", "a/two.bufr", "three.txt"]
    assert listed(file, "--reason", "checksum_mismatch") == ["a/two.bufr"]
    assert listed(file, "--reason", "checksum_mismatch", "--reason", "not_found", "--path", "a/*") == [
        "a/one.txt",
        "a/two.bufr",
    ]
    assert listed(file, "--path", "*.txt", "--source", "alice") == ["a/one.txt"]
    assert listed(file, "--source", "bob") == listed(file, "--newer-than", "10m") == ["three.txt"]
    assert listed(file, "--older-than", "10m") == ["a/one.txt", "a/two.bufr"]
    give_up(vhost, replace(outcome("left.txt", Reason.ACCESS_DENIED), ending=Ending.REFUSED), when=NEW_YEAR)
    assert listed(file, "--ending", "refused") == ["left.txt"]
    assert listed(file, "--ending", "quarantined") == listed(file, "--pump", "inbox") == []


def test_letters_are_resubmitted_by_name_and_by_filter(vhost: Vhost, file: Path) -> None:
    give_up(vhost, outcome("a"), outcome("b"), outcome("c", Reason.GONE))
    first = json.loads(winnowry("list", str(file), "--json").stdout)[0]["name"]
    done = winnowry("resubmit", str(file), first[:8], "--yes")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 resubmitted"), done.stderr
    assert json.loads(winnowry("resubmit", str(file), "--reason", "gone", "--yes", "--json").stdout)["resubmitted"] == 1
    again = [json.loads(body)["relPath"] for body in vhost.take("q_runner.relay.later.1", 2)]
    assert (again, listed(file)) == (["a", "c"], ["b"])


def test_letters_are_dropped(vhost: Vhost, file: Path) -> None:
    give_up(vhost, outcome("a"), outcome("b"))
    assert json.loads(winnowry("drop", str(file), "--path", "a", "--yes", "--json").stdout)["dropped"] == 1
    assert listed(file) == ["b"]
    assert winnowry("drop", str(file), "--all", "--yes").stdout.splitlines()[-1] == "1 dropped"
    assert winnowry("drop", str(file), "--all", "--yes").stdout == "0 dropped\n"
    assert vhost.depth("q_runner.relay.later.1") == 0


def test_nothing_is_changed_unless_somebody_says_so(vhost: Vhost, file: Path) -> None:
    give_up(vhost, outcome("a"), outcome("b"))
    done = winnowry("drop", str(file), "--all")
    assert (done.returncode, done.stderr) == (
        2,
        "drop 2 dead letters? Nobody is there to answer: say --yes, or --dry-run to see which\n",
    )
    assert winnowry("drop", str(file), "--all", "--dry-run").stdout.splitlines()[-1] == "2 would be dropped"
    code, shown = answered("n", "drop", str(file), "--all")
    assert (code, "drop 2 dead letters? [y/N]" in shown) == (1, True), shown
    assert listed(file) == ["a", "b"]
    assert answered("y", "drop", str(file), "--all")[0] == 0
    assert listed(file) == []


def test_which_letters_has_to_be_said_rightly(vhost: Vhost, file: Path) -> None:
    give_up(vhost, outcome("a"), outcome("b"))
    for words, complaint in (
        ((), "which dead letters? Name them, say which by --pump, --reason and the like, or say --all"),
        (("", "--yes"), "the names of 2 dead letters begin with : "),
        (("x", "--yes"), "no dead letter has a name that begins with x"),
        (("--reason", "gon"), "--reason: nothing is called `gon`; did you mean `gone`?"),
        (("--older-than", "2"), "--older-than: '2' is no duration"),
        (("--pump", "rely"), "no pump is called `rely`; did you mean `relay`?"),
    ):
        done = winnowry("drop", str(file), *words)
        assert (done.returncode, done.stderr.startswith(complaint)) == (2, True), (words, done.stderr)
    assert listed(file) == ["a", "b"]


@pytest.mark.parametrize("of", ["a cluster file", "the command"])
def test_letters_of_a_consumer_are_on_its_own_disk(file: Path, tmp_path: Path, of: str) -> None:
    place, state = file, tmp_path / "state" / "inbox"
    if of == "the command":
        place = tmp_path / "into"
        place.mkdir()
        state = tmp_path / ".local" / "state" / "winnowry" / consumer_of(place) / "subscribe"
    store = LaterStore(store_of(state, 1))
    store.bury([outcome("a"), outcome("b"), outcome("c")], NEW_YEAR)
    done = winnowry("resubmit", str(place), "--path", "[ab]", "--yes", home=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "2 resubmitted"), done.stderr
    assert [json.loads(delivery.body)["relPath"] for delivery in store.due(time.time_ns())] == ["a", "b"]
    assert winnowry("drop", str(place), "--all", "--yes", home=tmp_path).stdout.splitlines()[-1] == "1 dropped"
    assert store.browse() == []
