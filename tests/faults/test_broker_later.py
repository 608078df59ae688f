"""What is kept for later, or for an operator, while its queues are deleted and its connection breaks."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from brokers import Vhost, delete, eventually
from chains import CAROL, Running, a_pump_of, heard
from engines import a_real_file
from proxies import Proxy, through

from winnowry.schemas.edge import InputEdge
from winnowry.schemas.v03 import write_v03
from winnowry.transforms.patience import Patience

pytestmark = [pytest.mark.e2e, pytest.mark.long]

EDGE = InputEdge(kind="internal", queue="q_feeder.ingest", exchange="xs_alice")
LATER, DEAD = "q_feeder.ingest.later.10", "q_feeder.ingest.dead"


@contextmanager
def ingest(vhost: Vhost, folder: Path, url: str = "", attempts: int = 9, delay: float = 2.0) -> Iterator[Running]:
    for exchange in ("xs_alice", "xpublic"):
        vhost.add_exchange(exchange)
    vhost.queue(CAROL, "xpublic")
    pump = a_pump_of("sarra", "ingest", folder, EDGE, patience=Patience(attempts=attempts, delays=(delay,)))
    with Running(pump, url or vhost.url) as running:
        yield running


def announce_missing(vhost: Vhost, folder: Path) -> Path:
    """Announce a file that is not there, and return where it has to be."""
    post = a_real_file(folder / "ingest", "a.bufr", b"content")
    file = folder / "ingest" / "source" / "a.bufr"
    file.unlink()
    vhost.publish("xs_alice", "v03", write_v03(post))
    return file


def test_what_is_held_for_later_is_brought_when_its_queue_is_deleted(vhost: Vhost, tmp_path: Path) -> None:
    with ingest(vhost, tmp_path) as pump:
        file = announce_missing(vhost, tmp_path)
        pump.until(lambda status: status["later"] == 1 and not status["unsettled"])
        delete(vhost, queue=LATER)
        file.write_bytes(b"content")
        assert heard(vhost, 1) == {"a.bufr": 1}
        assert pump.done(vhost)["outcomes"] == {"retried:not_found": 1, "announced:done": 1}


def test_what_is_to_be_tried_later_finds_its_queue_again(vhost: Vhost, tmp_path: Path) -> None:
    with ingest(vhost, tmp_path) as pump:
        delete(vhost, queue=LATER)
        file = announce_missing(vhost, tmp_path)
        pump.until(lambda status: status["later"] == 1 and not status["unsettled"])
        file.write_bytes(b"content")
        assert heard(vhost, 1) == {"a.bufr": 1}
        pump.done(vhost)


def test_dead_letters_wait_until_their_queue_is_there_again(vhost: Vhost, tmp_path: Path) -> None:
    with ingest(vhost, tmp_path) as pump:
        delete(vhost, queue=DEAD)
        vhost.publish("xs_alice", "v03", b"nothing", b"nothing at all")
        eventually(lambda: len(vhost.broker.queues(vhost.name)) == 7, what="the queue being made again")
        assert sorted(vhost.take(DEAD, 2)) == [b"nothing", b"nothing at all"]
        assert pump.done(vhost)["outcomes"] == {"malformed:body_unreadable": 2}


def test_what_is_held_for_later_is_tried_once_however_often_the_connection_breaks(vhost: Vhost, tmp_path: Path) -> None:
    with Proxy(vhost.broker.port) as proxy, ingest(vhost, tmp_path, through(proxy, vhost.url), attempts=2, delay=5.0) as pump:
        announce_missing(vhost, tmp_path)
        pump.until(lambda status: status["later"] == 1 and not status["unsettled"])
        for _ in range(3):
            connected = pump.target.state().since
            proxy.cut()
            eventually(lambda connected=connected: pump.target.state().since > connected)  # type: ignore[misc]
            eventually(lambda: not vhost.depth(LATER))
        pump.until(lambda status: not status["later"])
        outcomes = pump.done(vhost)["outcomes"]
        assert outcomes.keys() == {"retried:not_found", "failed:not_found"}
        # a cut may take along the word that the original was settled: then there is one more to be tried, and tried once
        assert outcomes["retried:not_found"] == outcomes["failed:not_found"] == vhost.depth(DEAD)
