"""The collecting, against the real broker: messages by hand, and no pump."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import Vhost
from scenes import COPIES, EDGE, a_file

from winnowry.io.amqp import AmqpSettings
from winnowry.io.amqp.browse import browse
from winnowry.io.dead import bury
from winnowry.io.later import postpone
from winnowry.io.later_store import LaterStore, store_of
from winnowry.runners.audit.audit import Audit
from winnowry.runners.audit.subject import Subject
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.errors import Terminal
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason
from winnowry.schemas.v03 import write_v03
from winnowry.transforms.layout import Layout

pytestmark = pytest.mark.e2e

NOW = 1_767_225_600_000_000_000
EXCHANGES = ("xs_alice", "xpublic", "xl_feeder")


def a_subject(vhost: Vhost, folder: Path, kind: str = "sarra") -> Subject:
    ours = kind == "sarra"
    return Subject(
        name="pump",
        kind=kind,
        inputs=(EDGE,),
        outputs=("xpublic",) if ours else (),
        reports="xl_feeder" if ours else None,
        source=(vhost.url,),
        target=(vhost.url,),
        later=("q_feeder.pump.later.1",) if ours else (),
        dead="q_feeder.pump.dead" if ours else "",
        base_url=COPIES,
        layout=Layout(template="{source}/{rel_path}" if ours else "{rel_path}"),
        root=folder / "data",
        state=folder / "state",
    )


@pytest.fixture
def audit(vhost: Vhost, tmp_path: Path) -> Iterator[Audit]:
    for exchange in EXCHANGES:
        vhost.add_exchange(exchange)
    vhost.queue(EDGE.queue, "xs_alice")
    for queue in ("q_feeder.pump.later.1", "q_feeder.pump.dead"):
        vhost.queue(queue)
    with Audit([a_subject(vhost, tmp_path)], prefix="tap_") as made:
        yield made


def came(vhost: Vhost) -> list[Delivery]:
    """What stands in the pump's queue."""
    return browse(AmqpSettings(urls=(vhost.url,)), EDGE.queue)


def keep(vhost: Vhost, copy: Message) -> None:
    vhost.publish("", copy.routing_key, copy.body, content_type=copy.content_type, **copy.headers)


def test_what_stands_in_the_queue_waits_and_is_lost_when_it_is_stolen(audit: Audit, vhost: Vhost) -> None:
    vhost.publish("xs_alice", "v03.a", *(write_v03(a_file(f"a/{number}")) for number in range(3)))
    verdict = audit.settle(0.0)
    assert (verdict.findings, verdict.figures["pump"]["queued"]) == ([], 3)
    with vhost.connect() as connection:
        connection.channel().basic_get(EDGE.queue, auto_ack=True)
    (found,) = audit.settle(0.0).findings
    assert (found.kind, found.count) == ("lost", 1)


def test_later_queues_and_dead_letters_are_known_by_what_is_in_them(audit: Audit, vhost: Vhost) -> None:
    vhost.publish("xs_alice", "v03.a", write_v03(a_file("a/later")), b"nonsense", colour="green")
    later, dead = came(vhost)
    keep(vhost, postpone(later, 1.0, Reason.UNREACHABLE, NOW, account="feeder", pump="pump"))
    outcome = Outcome(ending=Ending.MALFORMED, reason=Reason.BODY_UNREADABLE, delivery=dead)
    keep(vhost, bury(outcome, NOW, account="feeder", pump="pump"))
    vhost.take(EDGE.queue, 2)
    verdict = audit.settle(0.0)
    figures = verdict.figures["pump"]
    assert (verdict.findings, figures["later"], figures["malformed"], figures["queued"]) == ([], 1, 1, 0)
    assert vhost.depth("q_feeder.pump.later.1") == vhost.depth("q_feeder.pump.dead") == 1


def test_reading_goes_on_where_it_ended_and_takes_everything_once(audit: Audit, vhost: Vhost) -> None:
    bodies = [write_v03(a_file(f"a/{number}")) for number in range(800)]
    vhost.publish("xs_alice", "v03.a", *bodies[:600])
    assert audit.gather() == 600
    vhost.publish("xs_alice", "v03.a", *bodies[600:], bodies[0])
    assert (audit.gather(), audit.gather()) == (201, 0)
    figures = audit.settle(0.0).figures["pump"]
    assert (figures["entered"], figures["arrivals"]) == (800, 801)


def test_nothing_is_asked_about_what_enters_after_the_door_is_closed(audit: Audit, vhost: Vhost) -> None:
    vhost.publish("xs_alice", "v03.a", write_v03(a_file("in time")))
    audit.close_the_door()
    vhost.publish("xs_alice", "v03.a", write_v03(a_file("too late")))
    assert audit.settle(0.0, whole=False).figures["pump"]["entered"] == 1


def test_a_pump_whose_exchange_for_reports_is_missing_is_audited_without(vhost: Vhost, tmp_path: Path) -> None:
    for exchange in ("xs_alice", "xpublic"):
        vhost.add_exchange(exchange)
    with Audit([a_subject(vhost, tmp_path)], prefix="tap_") as audit:
        assert audit.evidences[0].subject.reports is None


def test_an_exchange_that_is_missing_is_said(vhost: Vhost, tmp_path: Path) -> None:
    with pytest.raises(Terminal, match="xs_alice"), Audit([a_subject(vhost, tmp_path)], prefix="tap_"):
        pass
    assert vhost.broker.queues(vhost.name) == []


def test_a_consumer_keeps_later_work_and_dead_letters_in_its_store(vhost: Vhost, tmp_path: Path) -> None:
    vhost.add_exchange("xs_alice")
    vhost.queue(EDGE.queue, "xs_alice")
    with Audit([a_subject(vhost, tmp_path, "subscribe")], prefix="tap_") as audit:
        vhost.publish("xs_alice", "v03.a", write_v03(a_file("later")), b"nonsense")
        later, dead = came(vhost)
        vhost.take(EDGE.queue, 2)
        store = LaterStore(store_of(tmp_path / "state", 1))
        store.postpone([(later, 60.0, Reason.UNREACHABLE)], NOW)
        store.bury([Outcome(ending=Ending.MALFORMED, reason=Reason.BODY_UNREADABLE, delivery=dead)], NOW)
        store.close()
        verdict = audit.settle(0.0)
        figures = verdict.figures["pump"]
        assert (verdict.findings, figures["later"], figures["malformed"]) == ([], 1, 1)
