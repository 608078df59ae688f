import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from brokers import Vhost

from winnowry.io.amqp import AmqpSettings
from winnowry.io.amqp.browse import browse
from winnowry.io.dead import bury
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Terminal
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

pytestmark = pytest.mark.e2e

FILE = """
cluster: ddi.example.org
broker: amqp://runner@{host}:{port}/{vhost}
credentials: credentials.conf
data: data
pumps:
  relay: {{kind: shovel, from: {{feeder: "amqp://runner@{host}:{port}/{vhost}"}}, to: xpublic}}
"""


@pytest.fixture
def file(vhost: Vhost, tmp_path: Path) -> Path:
    (tmp_path / "credentials.conf").write_text(vhost.add_user("runner").replace("secret of", "secret%20of") + "\n")
    (tmp_path / "cluster.yaml").write_text(FILE.format(host=vhost.broker.host, port=vhost.broker.port, vhost=vhost.name))
    return tmp_path / "cluster.yaml"


def give_up(vhost: Vhost, body: bytes, detail: str = "the server has no such file") -> None:
    delivery = Delivery(
        body=body, queue="q_runner.relay", exchange="xpublic", routing_key="v03.a", content_type="application/json"
    )
    outcome = Outcome(ending=Ending.FAILED, reason=Reason.NOT_FOUND, delivery=delivery, detail=detail)
    letter = bury(outcome, 1_767_225_600_000_000_000, account="runner", pump="relay")
    vhost.publish("", letter.routing_key, letter.body, **letter.headers)


def winnowry(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("winnowry")), "dead-letters", *arguments]
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "160"}
    return subprocess.run(command, env=environment, text=True, capture_output=True, check=False)


def test_letters_are_listed_and_shown_and_stay(vhost: Vhost, file: Path) -> None:
    vhost.queue("q_runner.relay.dead")
    give_up(vhost, b'{"relPath": "a"}')
    give_up(vhost, b'{"relPath": "b"}')
    first, second = json.loads(winnowry("list", str(file), "--json").stdout)
    told = {"pump": "relay", "when": "2026-01-01T00:00:00+00:00", "ending": "failed", "reason": "not_found", "attempts": 1}
    assert first == told | {"name": first["name"], "detail": "the server has no such file"}
    assert "no such file" in winnowry("list", str(file), "--pump", "relay").stdout
    shown = json.loads(winnowry("show", str(file), second["name"][:8]).stdout)
    assert (shown["body"], shown["exchange"], shown["headers"]) == ('{"relPath": "b"}', "xpublic", {})
    assert vhost.depth("q_runner.relay.dead") == 2


def test_a_hostile_letter_commands_no_terminal(vhost: Vhost, file: Path) -> None:
    vhost.queue("q_runner.relay.dead")
    give_up(vhost, "\x1b]0;evil\x07\x9b2J\u202e".encode(), "[/red] \x1b[2J \u202e[link=http://evil/]")
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
