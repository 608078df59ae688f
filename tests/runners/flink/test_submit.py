from pathlib import Path

import pytest

from winnowry.io.amqp import AmqpSettings
from winnowry.runners.audit.subject import subjects_of
from winnowry.runners.cluster.load import Cluster, load_cluster
from winnowry.runners.cluster.wiring import wiring
from winnowry.runners.flink.submit import job_of
from winnowry.runners.letterbox import BrokerBox, StoreBox, boxes_of

FILE = """
cluster: ddi.example.org
broker: amqp://feeder@one/
data: data
state: state
credentials: credentials.conf
exchanges: [xpublic]
users: {carol: {role: consumer}}
pumps:
  deliver: {kind: subscribe, account: carol, from: xpublic}
"""


@pytest.fixture
def clusters(tmp_path: Path) -> dict[str, Cluster]:
    """The same cluster on either engine."""
    (tmp_path / "credentials.conf").write_text("amqp://feeder:f1@one/\namqp://carol:c1@one/\n")
    found = {}
    for name in ("direct", "flink"):
        file = tmp_path / f"{name}.yaml"
        file.write_text(FILE + f"engine: {{name: {name}}}\n")
        found[name] = load_cluster(file)
    return found


def test_what_a_consumer_on_flink_tries_later_is_kept_by_the_account_of_the_cluster(clusters: dict[str, Cluster]) -> None:
    job = job_of(clusters["flink"], "deliver")
    assert (job.source.urls, job.target.urls) == (("amqp://carol@one/",), ("amqp://feeder@one/",))
    assert [queue.name for queue in job.topology.queues] == ["q_carol.deliver"]
    assert {queue.name for queue in job.kept.queues} == {
        *(f"q_feeder.deliver.later.{delay}" for delay in (1, 10, 60, 600)),
        "q_feeder.deliver.dead",
    }


def test_dead_letters_of_a_consumer_are_looked_for_where_its_engine_keeps_them(clusters: dict[str, Cluster]) -> None:
    on_disk, in_a_queue = (boxes_of(clusters[engine])["deliver"] for engine in ("direct", "flink"))
    assert on_disk == StoreBox(clusters["direct"].state / "deliver")
    assert in_a_queue == BrokerBox(AmqpSettings(urls=("amqp://feeder:f1@one/",)), "feeder", "deliver")
    (direct,), (flink,) = (subjects_of(clusters[engine]) for engine in ("direct", "flink"))
    assert (direct.dead, direct.later) == ("", ())
    assert (flink.dead, flink.later[0]) == ("q_feeder.deliver.dead", "q_feeder.deliver.later.1")
    assert flink.source == direct.source == wiring(clusters["flink"], "deliver").source == ("amqp://carol:c1@one/",)
