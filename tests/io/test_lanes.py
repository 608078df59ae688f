from pathlib import Path

from winnowry.io.incoming import Incoming, Request
from winnowry.io.job import Job
from winnowry.io.lanes import BULK, Lanes, lane_of
from winnowry.io.tree import Tree


def job(name: str, size: int | None = None) -> Job:
    request = Request(url=f"http://{name[0]}/", place=name, size=size)
    return Job(name.encode(), Incoming(Tree(Path()), request), lane_of(request))


def turns(lanes: Lanes) -> list[str]:
    names = []
    while (following := lanes.next()) is not None:
        names.append(following.key.decode())
    return names


def test_hosts_take_turns_up_to_their_own_number_of_connections() -> None:
    lanes = Lanes(each=2, limit=10)
    for name in ("a1", "a2", "a3", "b1", "b2"):
        lanes.put(job(name))
    assert turns(lanes) == ["a1", "b1", "a2", "b2"]


def test_who_leaves_makes_room_for_the_next_of_the_same_host() -> None:
    lanes = Lanes(each=1, limit=10)
    first = job("a1")
    for waiting in (first, job("a2"), job("a3")):
        lanes.put(waiting)
    assert turns(lanes) == ["a1"]
    lanes.leave(first)
    assert turns(lanes) == ["a2"]


def test_at_the_limit_no_host_begins_a_second() -> None:
    lanes = Lanes(each=2, limit=3)
    for name in ("a1", "b1", "c1", "a2", "b2"):
        lanes.put(job(name))
    assert turns(lanes) == ["a1", "b1", "c1"]


def test_large_files_leave_connections_to_small_ones() -> None:
    lanes = Lanes(each=4, limit=10)
    for name in ("a1", "a2", "a3"):
        lanes.put(job(name, BULK + 1))
    lanes.put(job("a4", BULK))
    lanes.put(job("a5"))
    assert turns(lanes) == ["a1", "a4", "a5"]


def test_clearing_returns_who_waits() -> None:
    lanes = Lanes(each=1, limit=1)
    lanes.put(job("a1"))
    lanes.put(job("a2"))
    assert turns(lanes) == ["a1"]
    assert [waiting.key for waiting in lanes.clear()] == [b"a2"]
    assert lanes.clear() == []


def test_a_host_is_one_whatever_account_its_urls_name() -> None:
    assert lane_of(Request(url="http://a@Example.org/x", place="x")) == lane_of(Request(url="http://example.org/x", place="x"))


def test_a_host_that_has_none_under_way_gets_one_beyond_the_limit() -> None:
    lanes = Lanes(each=2, limit=4)
    hanging = [job(name) for name in ("a1", "a2", "b1", "b2")]
    for waiting in hanging:
        lanes.put(waiting)
    assert sorted(turns(lanes)) == ["a1", "a2", "b1", "b2"]
    for name in ("a3", "c1", "c2"):
        lanes.put(job(name))
    assert turns(lanes) == ["c1"]


def test_hosts_without_number_do_not_get_connections_without_number() -> None:
    lanes = Lanes(each=1, limit=1)
    for name in "abcdefgh":
        lanes.put(job(name))
    assert turns(lanes) == ["a", "b", "c", "d"]
