"""What `declare` makes on a real broker, and that `plan` makes nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
import requests
from brokers import Vhost
from pika.exceptions import ChannelClosedByBroker

from winnowry.runners.servers.management import Broker

pytestmark = pytest.mark.e2e

USERS = ("bob", "bobby", "carol", "runner")
FILE = """
cluster: ddi.example.org
broker: amqp://{prefix}runner@{host}:{port}/{vhost}
management: {management}
credentials: credentials.conf
data: data
state: state
users:
  {prefix}bob: {{role: source}}
  {prefix}bobby: {{role: source}}
  {prefix}carol: {{role: consumer}}
pumps:
  ingest:
    kind: sarra
    from: {{sources: [{prefix}bob, {prefix}bobby]}}
    to: xwinnow
    base_url: "https://files.example.org/"
  fuse: {{kind: winnow, from: xwinnow, to: xpublic}}
"""


class Site:
    """A cluster file for one virtual host, with users of the test's own."""

    def __init__(self, vhost: Vhost, folder: Path) -> None:
        self.vhost = vhost
        self.prefix = f"u{vhost.name.removeprefix('test').replace('-', '_')}_"
        self.file = folder / "cluster.yaml"
        broker = vhost.broker
        administrator = broker.management_url
        bare = administrator.replace("guest:guest@", "guest@")
        place = {"host": broker.host, "port": broker.port, "vhost": vhost.name, "management": bare, "prefix": self.prefix}
        self.file.write_text(FILE.format(**place))
        (folder / "credentials.conf").write_text("\n".join([administrator, *(self.url(user) for user in USERS)]) + "\n")

    def url(self, user: str) -> str:
        return f"amqp://{self.prefix}{user}:hunter2@{self.vhost.broker.host}:{self.vhost.broker.port}/{self.vhost.name}"

    def winnowry(self, verb: str, *options: str) -> str:
        command = [str(Path(sys.executable).with_name("winnowry")), verb, str(self.file), *options]
        done = subprocess.run(command, env=os.environ | {"NO_COLOR": "1"}, text=True, capture_output=True, check=False)
        assert "hunter2" not in done.stdout + done.stderr
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def definitions(self) -> Any:
        """What the broker has, without the salt of passwords."""
        found = requests.get(f"{self.vhost.broker.management_url}api/definitions", timeout=30).json()
        users = [{key: user[key] for key in ("name", "tags")} for user in found.pop("users")]
        return found | {"users": users}


@pytest.fixture
def site(vhost: Vhost, rabbitmq: Broker, tmp_path: Path) -> Iterator[Site]:
    site = Site(vhost, tmp_path)
    yield site
    for user in USERS:
        requests.delete(f"{rabbitmq.management_url}api/users/{site.prefix}{user}", timeout=30)


def tree(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def declare_queue(url: str, name: str, exchange: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.queue_declare(name, durable=True)
        channel.queue_bind(name, exchange, "#")


def publish(url: str, exchange: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish(exchange, "v03.a", b"{}")


def test_declaring_twice_is_declaring_once(site: Site) -> None:
    first = site.winnowry("declare")
    made = site.definitions()
    assert site.winnowry("declare") == first
    assert site.definitions() == made
    mine = {exchange["name"] for exchange in made["exchanges"] if exchange["vhost"] == site.vhost.name}
    assert {"xpublic", "xwinnow", f"xs_{site.prefix}bob", f"sx_{site.prefix}bob", f"xl_{site.prefix}carol"} <= mine


def test_users_may_do_what_their_role_needs_and_no_more(site: Site) -> None:
    site.winnowry("declare")
    bob, carol, runner = site.url("bob"), site.url("carol"), site.url("runner")
    declare_queue(runner, f"q_{site.prefix}runner.ingest.{site.prefix}bob", f"xs_{site.prefix}bob")
    declare_queue(carol, f"q_{site.prefix}carol.mine", "xpublic")
    publish(bob, f"xs_{site.prefix}bob")
    publish(runner, "xpublic")
    publish(runner, "")
    for forbidden in (f"xs_{site.prefix}bobby", "xpublic", "xwinnow"):
        with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"):
            publish(bob, forbidden)
    for queue, exchange in ((f"q_{site.prefix}bobby.x", "xpublic"), (f"q_{site.prefix}bob.x", "xwinnow")):
        with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"):
            declare_queue(bob, queue, exchange)


def test_plan_says_what_is_there_and_changes_nothing(site: Site, tmp_path: Path) -> None:
    before = site.vhost.add_user(f"{site.prefix}runner", configure="^$", write="^$", read="^$")
    assert before
    (tmp_path / "credentials.conf").write_text(before + "\n")
    site.vhost.add_exchange("xwinnow")
    site.vhost.queue(f"q_{site.prefix}runner.fuse")
    definitions, files = site.definitions(), tree(tmp_path)
    presence = json.loads(site.winnowry("plan", "--json"))["presence"]
    assert (presence["xwinnow"], presence["xpublic"]) == ("there", "missing")
    assert presence[f"q_{site.prefix}runner.fuse"] == "there"
    assert presence[f"q_{site.prefix}runner.ingest.{site.prefix}bob"] == "missing"
    assert "[missing]" in site.winnowry("plan")
    assert (site.definitions(), tree(tmp_path)) == (definitions, files)


def test_the_printed_lines_are_for_a_shell_and_hold_no_password(site: Site) -> None:
    lines = site.winnowry("declare", "--print").splitlines()
    document = "\n".join(lines[lines.index("rabbitmqctl import_definitions <<'END'") + 1 : -1])
    assert {"xpublic", "xwinnow"} <= {entry["name"] for entry in json.loads(document)["exchanges"]}
