import pickle
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import eventually
from pools import KEY, bring, files_in, pool_into
from raw_servers import raw_server, saying

from winnowry.io.files import Files
from winnowry.io.incoming import Request
from winnowry.io.transfers import Transfers, transfers_for
from winnowry.schemas.arrival import Fetched
from winnowry.schemas.errors import Refused
from winnowry.schemas.reasons import Reason


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/file").write_bytes(b"0123456789")
    return tmp_path / "source"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def transfers(root: Path, source: Path) -> Iterator[Transfers]:
    with pool_into(root, file_roots=(source,)) as pool:
        yield pool


def test_result_is_handed_over_once(source: Path, transfers: Transfers) -> None:
    assert transfers.take(KEY) is None
    assert isinstance(bring(transfers, f"file:{source}/file"), Fetched)
    assert transfers.take(KEY) is None


def test_starting_a_key_again_does_nothing_until_it_is_taken(source: Path, root: Path, transfers: Transfers) -> None:
    request = Request(url=f"file:{source}/file", place="a")
    for _ in range(3):
        transfers.start(KEY, request)
        assert transfers.wait([KEY], 30)
    assert transfers.finished(KEY)
    assert len(files_in(root)) == 1
    transfers.take(KEY)
    assert not transfers.finished(KEY)
    assert isinstance(bring(transfers, request.url), Fetched)


def test_who_waits_is_told_whether_all_are_over(source: Path, transfers: Transfers) -> None:
    assert transfers.wait([b"unknown"], 0) is True
    keys = [b"1", b"2", b"3"]
    for key in keys:
        transfers.start(key, Request(url=f"file:{source}/file", place=key.decode()))
    assert transfers.wait(keys, 30) is True
    assert all(transfers.finished(key) for key in keys)


def test_waiting_goes_on_while_something_ends(root: Path) -> None:
    steps = [threading.Event() for _ in range(4)]

    def answer(connection: socket.socket, path: str) -> None:
        steps[int(path[-1])].wait(30)
        saying("HTTP/1.1 200 OK\nContent-Length: 0")(connection, path)

    with raw_server(answer) as server, pool_into(root) as transfers:
        keys = [b"0", b"1", b"2", b"3"]
        transfers.on_finished = lambda key: steps[min(3, int(key) + 1)].set()
        for key in keys:
            transfers.start(key, Request(url=server.url + key.decode(), place=key.decode()))
        assert transfers.wait(keys, 0.01, longest=30) is False
        steps[0].set()
        assert transfers.wait(keys, 5, longest=30) is True


def test_result_that_nobody_takes_is_forgotten_in_the_end(source: Path, root: Path) -> None:
    now = 0.0
    root.mkdir()
    transfers = Transfers(Files(root=root, file_roots=(source,)), clock=lambda: now)
    transfers.start(b"left", Request(url=f"file:{source}/file", place="a"))
    transfers.wait([b"left"], 30)
    now = 3601.0
    assert isinstance(bring(transfers, f"file:{source}/file", key=b"later"), Fetched)
    eventually(lambda: len(files_in(root)) == 1)
    assert transfers.take(b"left") is None
    transfers.close()


def test_each_end_is_called_out(source: Path, transfers: Transfers) -> None:
    called = []
    over = threading.Event()
    transfers.on_finished = lambda key: (called.append(key), len(called) == 2 and over.set())
    transfers.start(b"good", Request(url=f"file:{source}/file", place="a"))
    transfers.start(b"bad", Request(url=f"file:{source}/none", place="b"))
    assert over.wait(30)
    assert sorted(called) == [b"bad", b"good"]


def test_cancelling_what_has_ended_removes_its_file(source: Path, root: Path, transfers: Transfers) -> None:
    transfers.start(KEY, Request(url=f"file:{source}/file", place="a"))
    transfers.wait([KEY], 30)
    transfers.cancel(KEY)
    transfers.cancel(KEY)
    assert files_in(root) == []
    assert transfers.take(KEY) is None


def test_wire_that_nobody_serves_is_refused(transfers: Transfers) -> None:
    with pytest.raises(Refused) as refusal:
        transfers.start(KEY, Request(url="gopher://example.org/", place="a"))
    assert refusal.value.reason is Reason.SCHEME_NOT_ALLOWED
    assert transfers.underway() == []


def test_equal_settings_share_a_pool_even_when_pickled(root: Path) -> None:
    files = Files(root=root, connections=3)
    pool = transfers_for(files)
    assert transfers_for(pickle.loads(pickle.dumps(files))) is pool
    assert transfers_for(Files(root=root)) is not pool
    assert transfers_for(Files(root=root)).tree is pool.tree
