import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from winnowry.io.broker import Queue
from winnowry.runners.audit.subject import subjects_of
from winnowry.runners.cluster.administration import administration, grant
from winnowry.runners.cluster.graph import graph_of, render
from winnowry.runners.cluster.load import Cluster, load_cluster, load_settings
from winnowry.runners.cluster.pumps import pump_of, pumps_of
from winnowry.runners.cluster.rabbitmqctl import command_lines
from winnowry.runners.cluster.wiring import exchanges, inputs, output, topology, wiring
from winnowry.schemas.edge import InputEdge, OutputEdge
from winnowry.schemas.errors import ConfigError
from winnowry.transforms.filters import Filters

FILE = """
cluster: ddi.example.org
broker: [amqp://feeder@one/, amqp://feeder@two/]
data: data
state: state
credentials: credentials.conf
reaches: [ddi.example.org, dd.example.org]
users:
  bob: {role: source, max_file: 5G}
  bobby: {role: source, max_file: 5G}
  carol: {role: consumer}
  dd: {role: feeder}
  root: {role: admin}
pumps:
  ingest:
    kind: sarra
    from: {sources: [bob, bobby]}
    to: {public: xwinnow, private: xprivate}
    base_url: "https://files.example.org/"
    accept: "**/*.bufr"
    instances: 2
    queue: quorum
    max_file: 1G
  fuse: {kind: winnow, from: xwinnow, to: xpublic, same: data, remember: 12h}
  deliver: {kind: subscribe, account: carol, from: xpublic, subtopic: "a/b", expires: 7d, durability: machine}
  relay: {kind: shovel, from: {feeder: "amqp://ddi@elsewhere/"}, to: xpublic}
"""
PASSWORDS = (
    "amqp://feeder:f1@one/\namqp://feeder:f2@two/\namqp://carol:c1@one/\namqp://carol:c2@two/\namqp://ddi:d@elsewhere/\n"
)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    (tmp_path / "credentials.conf").write_text(PASSWORDS)
    file = tmp_path / "cluster.yaml"
    file.write_text(FILE)
    return load_cluster(file)


def test_each_source_has_a_queue_of_its_own(cluster: Cluster) -> None:
    assert inputs(cluster.settings, "ingest") == (
        InputEdge(kind="user", queue="q_feeder.ingest.bob", exchange="xs_bob", user="bob"),
        InputEdge(kind="user", queue="q_feeder.ingest.bobby", exchange="xs_bobby", user="bobby"),
    )


def test_a_pump_declares_its_queues_and_no_exchange(cluster: Cluster) -> None:
    declared = topology(cluster.settings, "deliver")
    bindings = tuple(("xpublic", key) for key in ("v03.a.b", "v03.post.a.b", "v02.post.a.b"))
    assert declared.queues == (Queue(name="q_carol.deliver", bindings=bindings, expires=604800.0),)
    assert declared.exchanges == ()
    assert [queue.kind for queue in topology(cluster.settings, "ingest").queues] == ["quorum", "quorum"]


def test_a_pump_fails_over_with_its_own_account_and_passwords(cluster: Cluster) -> None:
    wired = wiring(cluster, "deliver")
    assert wired.source == wired.target == ("amqp://carol:c1@one/", "amqp://carol:c2@two/")
    assert "c1" not in repr(wired)


def test_a_relay_consumes_from_the_other_cluster_and_publishes_to_ours(cluster: Cluster) -> None:
    wired = wiring(cluster, "relay")
    assert (wired.source, wired.target_account) == (("amqp://ddi:d@elsewhere/",), "feeder")
    assert wired.target == ("amqp://feeder:f1@one/", "amqp://feeder:f2@two/")
    assert wired.topology.queues[0].name == "q_ddi.relay"


def test_a_missing_password_is_said_before_anything_starts(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "credentials.conf").write_text("amqp://feeder:f1@one/\n")
    with pytest.raises(ConfigError, match=r"no password is known for ddi at elsewhere; .* WINNOWRY_PASSWORD_DDI"):
        wiring(load_cluster(tmp_path / "cluster.yaml"), "relay")


@pytest.mark.parametrize("state", ["data", "data/state", "./data/../data/x"])
def test_what_is_remembered_is_not_kept_where_announcers_choose_names(tmp_path: Path, state: str) -> None:
    (tmp_path / "credentials.conf").write_text(PASSWORDS)
    (tmp_path / "cluster.yaml").write_text(FILE.replace("state: state", f"state: {state}"))
    with pytest.raises(ConfigError, match="announcers choose"):
        load_cluster(tmp_path / "cluster.yaml")


def test_pumps_are_built_from_the_file(cluster: Cluster, tmp_path: Path) -> None:
    ingest, fuse, deliver, relay = pumps_of(cluster)
    assert (ingest.public, ingest.private) == (OutputEdge(exchange="xwinnow"), OutputEdge(exchange="xprivate", unheard=True))
    assert (ingest.filters, ingest.instances) == (Filters(accept=("**/*.bufr",)), 2)
    assert (ingest.bounds.max_file, ingest.reports) == (10**9, "xl_feeder")
    assert ingest.layout.template == "{date:%Y%m%d}/{source}/{rel_path}"
    assert (ingest.root, ingest.state) == (tmp_path / "data", tmp_path / "state" / "ingest")
    assert ingest.reaches == ("ddi.example.org", "dd.example.org")
    assert (fuse.same, fuse.remember, fuse.public) == (
        "data",
        timedelta(hours=12),
        OutputEdge(exchange="xpublic", unheard=True),
    )
    assert (deliver.account, deliver.layout.template, deliver.public, deliver.reports) == (
        "carol",
        "{rel_path}",
        None,
        "xl_carol",
    )
    assert (ingest.files.durability, deliver.files.durability) == ("process", "machine")
    assert (relay.inputs[0].kind, relay.inputs[0].exchange, relay.reports) == ("feeder", "xpublic", None)


def test_a_user_may_touch_nothing_of_one_whose_name_begins_the_same(cluster: Cluster) -> None:
    bob = grant(cluster.settings, "bob")
    patterns = (bob.configure, bob.write, bob.read)
    own = ["q_bob", "q_bob.mine", "xs_bob"]
    assert [bool(re.search(bob.configure, name)) for name in own] == [True, True, True]
    foreign = ["q_bobby", "q_bobby.mine", "xs_bobby", "sx_bobby", "xl_bobby", "q_feeder.ingest.bob", "xprivate", "xwinnow"]
    assert [name for name in foreign if any(re.search(pattern, name) for pattern in patterns)] == []


def test_roles_differ_in_what_they_read(cluster: Cluster) -> None:
    read = {user: grant(cluster.settings, user).read for user in cluster.settings.users}
    assert read == {
        "bob": r"^(q_bob(\.|$)|sx_bob$|xpublic$)",
        "bobby": r"^(q_bobby(\.|$)|sx_bobby$|xpublic$)",
        "carol": r"^(q_carol(\.|$)|xpublic$)",
        "dd": r"^(q_dd(\.|$)|xprivate$|xpublic$)",
        "root": ".*",
    }


def test_the_account_of_the_pumps_is_declared_with_the_users(cluster: Cluster) -> None:
    wanted = administration(cluster.settings)
    assert [entry.user for entry in wanted.grants] == ["bob", "bobby", "carol", "dd", "root", "feeder"]
    assert wanted.vhost == "/"


def test_exchanges_are_those_of_users_and_pumps(cluster: Cluster) -> None:
    named = ("sx_bob", "sx_bobby", "xl_bob", "xl_bobby", "xl_carol", "xl_dd", "xl_feeder", "xl_root")
    assert exchanges(cluster.settings) == (*named, "xprivate", "xpublic", "xs_bob", "xs_bobby", "xwinnow")


def test_nobody_listening_holds_a_pump_only_where_another_pump_ought_to_listen(cluster: Cluster) -> None:
    assert output(cluster.settings, "xwinnow") == OutputEdge(exchange="xwinnow")
    assert output(cluster.settings, "xelsewhere") == OutputEdge(exchange="xelsewhere", unheard=True)
    assert output(cluster.settings, None) is None


def test_a_cluster_file_is_checked_without_beam() -> None:
    program = (
        "import sys, winnowry.runners.cluster.load, winnowry.runners.cluster.graph; sys.exit('apache_beam' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_account_of_any_name_gets_its_own_queues_alone_and_no_say_in_the_shell(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(FILE.replace("amqp://feeder@", "amqp://fe.der%3Brm@"))
    wanted = administration(load_settings(tmp_path / "cluster.yaml"))
    (running,) = [given for given in wanted.grants if given.user == "fe.der;rm"]
    assert re.match(running.configure, "q_fe.der;rm.ingest")
    assert not re.match(running.configure, "q_feader;rm.ingest")
    assert any(line.startswith("rabbitmqctl add_user 'fe.der;rm'  #") for line in command_lines(wanted))


def test_a_speedo_reads_what_pumps_announce_and_what_is_reported_and_reports_nothing(tmp_path: Path) -> None:
    (tmp_path / "credentials.conf").write_text(PASSWORDS)
    (tmp_path / "cluster.yaml").write_text(
        FILE + "  count: {kind: speedo, from: [xpublic, xl_carol, xl_feeder], to: xrates, window: 1m}\n"
    )
    cluster = load_cluster(tmp_path / "cluster.yaml")
    count = pump_of(cluster, "count")
    assert [edge.queue for edge in count.inputs] == [f"q_feeder.count.{name}" for name in ("xpublic", "xl_carol", "xl_feeder")]
    assert (count.window, count.reports, count.public) == (
        timedelta(minutes=1),
        None,
        OutputEdge(exchange="xrates", unheard=True),
    )
    assert {"xrates", "xl_carol", "xl_feeder"} <= set(exchanges(cluster.settings))
    assert re.match(grant(cluster.settings, "feeder").read, "xl_carol")
    assert "count: speedo, run by feeder" in render(graph_of(cluster.settings), administration(cluster.settings), {})
    assert "count" not in {subject.name for subject in subjects_of(cluster)}
