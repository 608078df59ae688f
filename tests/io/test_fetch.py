import os
import socket
import threading
from functools import partial
from pathlib import Path

import apache_beam as beam
import msgspec
import pytest
from arrivals import an_arrival
from brokers import eventually
from pools import files_in
from raw_servers import raw_server

from winnowry.io.fetch import Fetch, checksum_method, fetch, read_content, request_for
from winnowry.io.files import Files
from winnowry.io.incoming import Request
from winnowry.io.transfers import Transfers, transfers_for
from winnowry.schemas.arrival import Arrival, Fetched
from winnowry.schemas.errors import Malformed
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.post import Content
from winnowry.schemas.reasons import Reason
from winnowry.transforms.patience import Patience
from winnowry.transforms.retry import retry

GIVING_UP = partial(retry, patience=Patience())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").write_bytes(b"0123456789")
    return tmp_path / "source"


@pytest.fixture
def files(tmp_path: Path, source: Path) -> Files:
    (tmp_path / "root").mkdir()
    return Files(root=tmp_path / "root", file_roots=(source,))


@pytest.fixture
def transfers(files: Files) -> Transfers:
    return transfers_for(files)


def numbered(number: int, **fields: object) -> Arrival:
    return msgspec.structs.replace(an_arrival(place=f"a/{number}", **fields), identity=b"%d" % number)


def run(arrivals: list[Arrival], step: Fetch) -> tuple[list[Arrival], list[Outcome]]:
    """Return what goes on and what ends of one round, through files: the runner keeps its own copies of lists."""
    going_on: list[Arrival] = []
    ended: list[Outcome] = []
    _GATHERED["going_on"], _GATHERED["ended"] = going_on, ended
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        branches = pipeline | beam.Create(arrivals, reshuffle=False) | step
        _ = branches.going_on | "on" >> beam.Map(_gather, "going_on")
        _ = branches.ended | "end" >> beam.Map(_gather, "ended")
    return going_on, ended


_GATHERED: dict[str, list] = {}


def _gather(element: object, name: str) -> None:
    _GATHERED[name].append(element)


def always(arrival: Arrival) -> bool:
    return True


def test_request_is_what_the_post_says(files: Files) -> None:
    arrival = an_arrival(
        place="day/f",
        base_url="http://h/",
        rel_path="f",
        size=3,
        mode="4640",
        mtime="20231114T221320.5",
        fingerprint=Fingerprint(method="md5", value="x"),
    )
    expected = Request(url="http://h/f", place="day/f", size=3, method="md5", mode=0o640, mtime=1_700_000_000_500_000_000)
    assert request_for(arrival, files) == expected


@pytest.mark.parametrize(("field", "value"), [("mode", "rw-r--r--"), ("mtime", "yesterday")])
def test_mode_or_time_that_is_none_is_malformed(field: str, value: str, files: Files) -> None:
    with pytest.raises(Malformed):
        request_for(an_arrival(**{field: value}), files)


def test_checksum_left_to_us_is_the_one_named_or_ours() -> None:
    assert checksum_method(Fingerprint(method="cod", value="blake3"), "sha512") == "blake3"
    assert checksum_method(Fingerprint(method="cod"), "sha512") == "sha512"
    assert checksum_method(Fingerprint(method="random", value="0427"), "sha512") == "random"
    assert checksum_method(None, "sha512") == ""


@pytest.mark.parametrize(
    ("encoding", "value", "content"),
    [("utf-8", "é\n", b"\xc3\xa9\n"), ("iso-8859-1", "é", b"\xe9"), ("base64", "AP8=", b"\0\xff"), ("base64", "", b"")],
)
def test_content_within_the_post_is_decoded(encoding: str, value: str, content: bytes) -> None:
    assert read_content(Content(encoding=encoding, value=value)) == content


@pytest.mark.parametrize(("encoding", "value"), [("gzip", "x"), ("base64", "a"), ("base64", "é"), ("iso-8859-1", "日")])
def test_content_that_cannot_be_decoded_is_malformed(encoding: str, value: str) -> None:
    with pytest.raises(Malformed) as malformed:
        read_content(Content(encoding=encoding, value=value))
    assert malformed.value.reason is Reason.CONTENT_UNREADABLE


def test_files_go_on_and_failures_end(source: Path, files: Files, transfers: Transfers) -> None:
    arrivals = [
        numbered(1, base_url="file:", rel_path=f"{source}/file", size=10),
        numbered(2, base_url="file:", rel_path=f"{source}/file", size=11),
        numbered(3, base_url="gopher://h/", rel_path="x"),
        numbered(4, file_op={"directory": ""}),
        numbered(5, content=Content(encoding="utf-8", value="within"), size=6),
        numbered(6, content=Content(encoding="utf-8", value="within"), size=5),
        numbered(7, content=Content(encoding="gzip", value="within")),
    ]
    going_on, ended = run(arrivals, Fetch(files=files, giving_up=GIVING_UP, patience=30))
    contents = {
        arrival.identity: (files.root / arrival.fetched.temporary).read_bytes() if arrival.fetched else None
        for arrival in going_on
    }
    assert contents == {b"1": b"0123456789", b"4": None, b"5": b"within"}
    endings = {outcome.arrival.identity: (outcome.ending, outcome.reason) for outcome in ended if outcome.arrival}
    assert endings == {
        b"2": (Ending.RETRIED, Reason.TRUNCATED),
        b"3": (Ending.REFUSED, Reason.SCHEME_NOT_ALLOWED),
        b"6": (Ending.RETRIED, Reason.SIZE_MISMATCH),
        b"7": (Ending.MALFORMED, Reason.CONTENT_UNREADABLE),
    }
    assert len(files_in(files.root)) == 2


def test_file_whose_post_says_no_size_is_no_larger_than_allowed(source: Path, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    files = Files(root=tmp_path / "root", file_roots=(source,), max_file=9)
    going_on, ended = run(
        [numbered(1, base_url="file:", rel_path=f"{source}/file")], Fetch(files=files, giving_up=GIVING_UP, patience=30)
    )
    assert (going_on, [(outcome.ending, outcome.reason) for outcome in ended]) == ([], [(Ending.REFUSED, Reason.TOO_LARGE)])
    assert files_in(files.root) == []


def test_content_that_already_reached_its_name_is_not_fetched_again(files: Files, transfers: Transfers) -> None:
    going_on, ended = run(
        [numbered(1, base_url="file:", rel_path="/none")], Fetch(files=files, giving_up=GIVING_UP, placed=always)
    )
    assert [arrival.fetched for arrival in going_on] == [Fetched(temporary=None)]
    assert ended == []


@pytest.mark.e2e
def test_slow_file_is_parked_and_goes_on_when_it_comes_round_again(files: Files, source: Path, transfers: Transfers) -> None:
    enough = threading.Event()

    def dawdle(connection: socket.socket, path: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
        enough.wait(30)
        connection.sendall(b"56789")

    with raw_server(dawdle) as server:
        slow = numbered(1, base_url=server.url, rel_path="slow", size=10)
        quick = numbered(2, base_url="file:", rel_path=f"{source}/file")
        going_on, ended = run([slow, quick], Fetch(files=files, giving_up=GIVING_UP, patience=0.2))
        assert [arrival.identity for arrival in going_on] == [b"2"]
        assert [(outcome.ending, outcome.reason) for outcome in ended] == [(Ending.PARKED, Reason.TRANSFER_UNDERWAY)]
        enough.set()
        eventually(lambda: transfers.finished(b"1"))
        going_on, ended = run([slow], Fetch(files=files, giving_up=GIVING_UP))
        assert [arrival.fetched.size for arrival in going_on if arrival.fetched] == [10]
        assert len(server.paths) == 1


def test_twin_function_hands_over_what_has_come(source: Path, files: Files, transfers: Transfers) -> None:
    arrival = numbered(1)
    parked = fetch(arrival, transfers, GIVING_UP)
    assert isinstance(parked, Outcome) and parked.ending is Ending.PARKED
    transfers.start(b"1", Request(url=f"file:{source}/file", place="a/1"))
    transfers.wait([b"1"], 30)
    fetched = fetch(arrival, transfers, GIVING_UP)
    assert isinstance(fetched, Arrival) and fetched.fetched is not None and fetched.fetched.size == 10
    assert os.listdir(files.root / "a") != []
