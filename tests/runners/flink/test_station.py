"""What a reader holds, against a real broker; the test plays Beam and Flink."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from arrivals import INTERNAL
from brokers import Vhost, eventually
from clusters import consumers

from winnowry.io.amqp import AmqpBroker, AmqpSettings
from winnowry.io.broker import Queue, Topology
from winnowry.io.dead import dead_queue
from winnowry.io.later import later_topology
from winnowry.io.tree import Tree
from winnowry.pipelines.pump import Pump
from winnowry.runners import sweep
from winnowry.runners.flink.access import Access
from winnowry.runners.flink.job import Job, Reading
from winnowry.runners.flink.setbacks import IN_VAIN
from winnowry.runners.flink.station import Station, close_stations, finalize, prepare, station_for
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Unreachable

pytestmark = pytest.mark.e2e

QUEUE = INTERNAL.queue


@pytest.fixture
def reading(vhost: Vhost, tmp_path: Path) -> Iterator[Reading]:
    """A pump `fuse` of the account `feeder`, its queues declared, with three messages waiting."""
    url = vhost.add_user("feeder")
    kept = Topology(queues=(Queue(name=QUEUE), dead_queue("feeder", "fuse"), *later_topology("feeder", "fuse")))
    broker = AmqpBroker(AmqpSettings(urls=(url,)))
    broker.declare(kept)
    broker.close()
    vhost.publish("", QUEUE, b"a", b"b", b"c")
    (tmp_path / "credentials.conf").write_text(url)
    access = Access(urls=(url.replace("feeder:secret%20of%20feeder", "feeder"),), credentials=tmp_path / "credentials.conf")
    pump = Pump(
        name="fuse", kind="winnow", cluster="ddi", account="feeder", inputs=(INTERNAL,), root=tmp_path, state=tmp_path / "state"
    )
    queues = Topology(queues=(Queue(name=QUEUE),))
    reading = Reading(Job(pump=pump, source=access, target=access, topology=queues, owner="feeder"))
    prepare(reading)
    yield reading
    close_stations()


def taken(station: Station, count: int) -> list[bytes]:
    """Return so many bodies, as they are handed out."""
    found: list[Delivery] = []

    def complete() -> bool:
        found.extend(station.take(100, 0.1))
        return len(found) >= count

    eventually(complete, 30, f"{count} messages, last seen {found}")
    return [delivery.body for delivery in found]


def checkpoint(station: Station) -> None:
    finalize(station.mark())


def test_what_two_checkpoints_have_passed_over_is_settled(reading: Reading, vhost: Vhost) -> None:
    station = station_for(reading.name, None)
    assert taken(station, 3) == [b"a", b"b", b"c"]
    checkpoint(station)
    checkpoint(station)
    close_stations()
    assert vhost.depth(QUEUE) == 0


def test_what_one_checkpoint_has_passed_over_comes_again(reading: Reading, vhost: Vhost) -> None:
    station = station_for(reading.name, None)
    taken(station, 3)
    checkpoint(station)
    close_stations()
    assert taken(station_for(reading.name, None), 3) == [b"a", b"b", b"c"]


def test_a_reader_that_goes_on_finds_its_station(reading: Reading) -> None:
    station = station_for(reading.name, None)
    taken(station, 3)
    assert station_for(reading.name, station.mark()) is station


def test_a_job_that_was_set_back_gets_everything_since_again(reading: Reading) -> None:
    station = station_for(reading.name, None)
    earlier = station.mark()
    taken(station, 3)
    station.mark()
    again = station_for(reading.name, earlier)
    assert again is not station
    assert taken(again, 3) == [b"a", b"b", b"c"]


def test_a_mark_of_another_process_begins_anew(reading: Reading) -> None:
    station = station_for(reading.name, None)
    taken(station, 3)
    mark = station.mark()
    close_stations()
    assert taken(station_for(reading.name, mark), 3) == [b"a", b"b", b"c"]


def test_a_reader_whose_connection_has_ended_for_good_says_so_and_is_replaced(reading: Reading) -> None:
    station = station_for(reading.name, None)
    mark = station.mark()
    station.close()
    with pytest.raises(Unreachable):
        station.take(1)
    assert taken(station_for(reading.name, mark), 3) == [b"a", b"b", b"c"]


def test_what_was_left_half_fetched_is_swept_when_a_reader_begins(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "ABANDONED_AFTER", -60.0)  # nobody can date a change of a file back
    root = reading.job.pump.root
    descriptor, temporary = Tree(root).create_temporary("f")
    os.close(descriptor)
    prepare(replace(reading, job=replace(reading.job, pump=replace(reading.job.pump, kind="sarra"))))
    station_for(reading.name, None)
    eventually(lambda: not (root / temporary).exists(), 30, "a sweep")
    assert (root / "credentials.conf").exists()


def fails(reading: Reading, vhost: Vhost, poison: bytes) -> bool:
    """Live until the poison is handed out, or all else is settled; return whether the job failed."""
    station, seen = station_for(reading.name, None), list[bytes]()

    def over() -> bool:
        seen.extend(delivery.body for delivery in station.take(100, 0.1))
        checkpoint(station)
        settled = station.asked({"do": "status"})["unsettled"] == 0
        return poison in seen or (vhost.depth("q_feeder.fuse.dead") == 1 and settled)

    eventually(over, 60, "the end of a life")
    close_stations()
    return poison in seen


def test_a_message_that_fails_the_job_again_and_again_becomes_a_dead_letter(reading: Reading, vhost: Vhost) -> None:
    lives = 0
    while fails(reading, vhost, b"b"):
        lives += 1
        assert lives <= 2 * IN_VAIN
    assert vhost.take("q_feeder.fuse.dead", 1) == [b"b"]
    assert (lives > IN_VAIN, vhost.depth(QUEUE)) == (True, 0)


def test_a_reader_that_drains_takes_nothing_more_in_and_the_next_run_does(reading: Reading, vhost: Vhost) -> None:
    station = station_for(reading.name, None)
    assert taken(station, 3) == [b"a", b"b", b"c"]
    assert station.asked({"do": "drain"})["state"] == "draining"
    vhost.publish("", QUEUE, b"d")
    eventually(lambda: not station.take(100) and not consumers(vhost, QUEUE), what="the end of its consumers")
    assert station.take(100) == []
    close_stations()
    assert taken(station_for(reading.name, None), 4) == [b"a", b"b", b"c", b"d"]
