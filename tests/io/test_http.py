import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from arrivals import a_post
from blake3 import blake3
from pools import KEY, bring, files_in, pool_into
from raw_servers import raw_server, saying

from winnowry.io.http import url_of
from winnowry.io.incoming import Request
from winnowry.io.transfers import Transfers
from winnowry.runners.servers.nginx import FileServer
from winnowry.schemas.arrival import Fetched
from winnowry.schemas.errors import Terminal, Transient
from winnowry.schemas.reasons import Reason

pytestmark = pytest.mark.e2e

ODD_NAMES = [
    "a b", " leading and trailing ", "a#b", "a?b=c&d", "%41", "%", "a'b\"c", "a\nb", "a\\b", "é", "日本", "e\u0301", "~tilde",
    "a+b", "a;b", ".hidden", "..hidden", "a.b.c/d.e/f", "a:b", "@", "[x]", "{x}", "x" * 255, "<&>", "a\tb", "*", "😀",
]  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


@pytest.fixture
def server(source: Path, file_server: Callable[[Path], FileServer]) -> FileServer:
    return file_server(source)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def transfers(root: Path) -> Iterator[Transfers]:
    with pool_into(root, connect_timeout=5.0, stall_timeout=2.0) as pool:
        yield pool


def reason_of(result: object) -> Reason:
    assert isinstance(result, Transient | Terminal)
    return result.reason


@pytest.mark.parametrize(
    ("base_url", "rel_path", "url"),
    [
        ("http://h/", "/a", "http://h/a"),
        ("http://h", "a", "http://h/a"),
        ("http://h/x%20y/", "a", "http://h/x%20y/a"),
        ("http://h/", "%41 #?é\n", "http://h/%2541%20%23%3F%C3%A9%0A"),
    ],
)
def test_url_has_one_slash_and_escapes_the_path_alone(base_url: str, rel_path: str, url: str) -> None:
    assert url_of(a_post(base_url=base_url, rel_path=rel_path)) == url


def test_path_to_retrieve_is_part_of_a_url_already() -> None:
    assert url_of(a_post(base_url="http://h/", retrieve_path="/get?id=1&name=%41 é")) == "http://h/get?id=1&name=%41%20%C3%A9"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_file_of_any_name_arrives(name: str, source: Path, server: FileServer, root: Path, transfers: Transfers) -> None:
    (source / name).parent.mkdir(parents=True, exist_ok=True)
    (source / name).write_bytes(name.encode())
    fetched = bring(transfers, url_of(a_post(base_url=server.url, rel_path=name)), place=name)
    assert isinstance(fetched, Fetched) and fetched.temporary is not None
    transfers.tree.rename(fetched.temporary, name)
    assert (root / name).read_bytes() == name.encode()
    assert files_in(root) == [name]


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 3_000_000])
@pytest.mark.parametrize("method", ["sha512", "blake3", ""])
def test_bytes_and_checksum_are_those_of_the_source(
    size: int, method: str, source: Path, server: FileServer, root: Path
) -> None:
    content = os.urandom(size)
    (source / "file").write_bytes(content)
    with pool_into(root) as transfers:
        fetched = bring(transfers, server.url + "file", size=size, method=method)
    assert isinstance(fetched, Fetched) and fetched.temporary is not None
    assert (root / fetched.temporary).read_bytes() == content
    assert (fetched.size, fetched.method) == (size, method)
    expected = {"sha512": hashlib.sha512(content).digest(), "blake3": blake3(content).digest(), "": b""}
    assert fetched.digest == expected[method]


def test_mode_and_time_are_as_announced(source: Path, server: FileServer, root: Path, transfers: Transfers) -> None:
    (source / "file").write_bytes(b"x")
    fetched = bring(transfers, server.url + "file", mode=0o206, mtime=1_700_000_000_123_456_789)
    assert isinstance(fetched, Fetched) and fetched.temporary is not None
    status = (root / fetched.temporary).stat()
    assert (status.st_mtime_ns, status.st_mode & 0o7777) == (1_700_000_000_123_456_789, 0o606)
    assert fetched.inode == status.st_ino


def test_many_files_come_side_by_side(source: Path, server: FileServer, root: Path, transfers: Transfers) -> None:
    keys = [b"%d" % number for number in range(200)]
    for number, key in enumerate(keys):
        (source / str(number)).write_bytes(key)
        transfers.start(key, Request(url=f"{server.url}{number}", place=str(number), size=len(key)))
    assert transfers.wait(keys, 30)
    for key in keys:
        fetched = transfers.take(key)
        assert isinstance(fetched, Fetched) and fetched.temporary is not None
        assert (root / fetched.temporary).read_bytes() == key


def test_missing_file_is_not_found(server: FileServer, root: Path, transfers: Transfers) -> None:
    assert reason_of(bring(transfers, server.url + "none")) is Reason.NOT_FOUND
    assert files_in(root) == []


def test_server_that_is_away_is_unreachable(server: FileServer, transfers: Transfers) -> None:
    server.stop()
    assert reason_of(bring(transfers, server.url + "file")) is Reason.UNREACHABLE


def test_server_that_was_restarted_is_connected_to_again(source: Path, server: FileServer, transfers: Transfers) -> None:
    (source / "file").write_bytes(b"x")
    assert isinstance(bring(transfers, server.url + "file"), Fetched)
    server.stop()
    server.start()
    assert isinstance(bring(transfers, server.url + "file"), Fetched)


@pytest.mark.parametrize("announced", [1, 70_000])
def test_body_longer_than_announced_is_cut_off(
    announced: int, source: Path, server: FileServer, root: Path, transfers: Transfers
) -> None:
    (source / "file").write_bytes(bytes(announced + 1))
    assert reason_of(bring(transfers, server.url + "file", size=announced)) is Reason.SIZE_MISMATCH
    assert files_in(root) == []


def test_endless_body_without_a_length_is_cut_off(root: Path, transfers: Transfers) -> None:
    def pour(connection: socket.socket, path: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            connection.sendall(bytes(65536))

    with raw_server(pour) as server:
        assert reason_of(bring(transfers, server.url, size=1_000_000)) is Reason.SIZE_MISMATCH
    assert files_in(root) == []


def test_body_shorter_than_announced_is_truncated(source: Path, server: FileServer, root: Path, transfers: Transfers) -> None:
    (source / "file").write_bytes(bytes(99))
    assert reason_of(bring(transfers, server.url + "file", size=100)) is Reason.TRUNCATED
    assert files_in(root) == []


@pytest.mark.parametrize("size", [None, 200_000])
def test_connection_that_breaks_off_in_the_body_is_truncated(size: int | None, root: Path, transfers: Transfers) -> None:
    with raw_server(saying("HTTP/1.1 200 OK\nContent-Length: 200000", bytes(100_000))) as server:
        assert reason_of(bring(transfers, server.url, size=size)) is Reason.TRUNCATED
    assert files_in(root) == []


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("HTTP/1.1 302 Found\nLocation: /again\nContent-Length: 0", Reason.REDIRECTED_TOO_OFTEN),
        ("HTTP/1.1 302 Found\nLocation: file:///etc/passwd\nContent-Length: 0", Reason.SCHEME_NOT_ALLOWED),
        ("HTTP/1.1 302 Found\nLocation: ftp://127.0.0.1/x\nContent-Length: 0", Reason.SCHEME_NOT_ALLOWED),
        ("HTTP/1.1 304 Not Modified\nContent-Length: 0", Reason.SERVER_ERROR),
        ("HTTP/1.1 204 No Content", Reason.SERVER_ERROR),
        ("HTTP/1.1 500 Oh\nContent-Length: 3", Reason.SERVER_ERROR),
        ("HTTP/1.1 410 Gone\nContent-Length: 3", Reason.GONE),
        ("HTTP/1.1 403 No\nContent-Length: 3", Reason.ACCESS_DENIED),
        ("this is not HTTP", Reason.SERVER_ERROR),
    ],
)
def test_answers_that_are_no_file(head: str, reason: Reason, root: Path, transfers: Transfers) -> None:
    with raw_server(saying(head, b"no\n")) as server:
        assert reason_of(bring(transfers, server.url + "file")) is reason
    assert files_in(root) == []


def test_redirect_is_followed(source: Path, server: FileServer, transfers: Transfers) -> None:
    (source / "file").write_bytes(b"x")
    with raw_server(saying(f"HTTP/1.1 302 Found\nLocation: {server.url}file\nContent-Length: 0")) as hop:
        assert isinstance(bring(transfers, hop.url), Fetched)


def test_certificate_that_nobody_vouches_for_is_not_trusted(root: Path, transfers: Transfers, tls_server: str) -> None:
    assert reason_of(bring(transfers, tls_server)) is Reason.CERTIFICATE_INVALID
    assert files_in(root) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/a b",
        "http://h/\r\nHost: evil",
        "http://[::1",
        "http:///x",
        "http://h:99999/",
        "http:x",
        "http://h/\0",
        "http://h/\ud800",
    ],
)
def test_url_that_is_none_ends_the_transfer(url: str, transfers: Transfers) -> None:
    assert isinstance(bring(transfers, url), Transient | Terminal)


def test_server_that_never_answers_times_out(transfers: Transfers) -> None:
    enough = threading.Event()
    with raw_server(lambda connection, path: enough.wait(30) and None) as silent:
        assert reason_of(bring(transfers, silent.url)) is Reason.TIMED_OUT
        enough.set()


def test_server_that_falls_silent_times_out_and_delays_nobody(source: Path, server: FileServer, transfers: Transfers) -> None:
    (source / "file").write_bytes(b"x")
    enough = threading.Event()

    def stall(connection: socket.socket, path: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        enough.wait(30)

    with raw_server(stall) as silent:
        for number in range(100):
            transfers.start(b"%d" % number, Request(url=silent.url, place=f"slow/{number}"))
        assert isinstance(bring(transfers, server.url + "file"), Fetched)
        assert transfers.wait([b"0"], 30)
        assert reason_of(transfers.take(b"0")) is Reason.TIMED_OUT
        enough.set()


def test_transfer_cancelled_midway_leaves_nothing(root: Path, transfers: Transfers) -> None:
    flowing, enough = threading.Event(), threading.Event()

    def stall(connection: socket.socket, path: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(500_000))
        flowing.set()
        enough.wait(30)

    with raw_server(stall) as silent:
        transfers.start(KEY, Request(url=silent.url, place="a"))
        assert flowing.wait(30)
        transfers.cancel(KEY)
        assert transfers.underway() == []
        assert reason_of(bring(transfers, "http://127.0.0.1:1/", key=b"other")) is Reason.UNREACHABLE
        assert files_in(root) == []
        assert transfers.take(KEY) is None
        enough.set()


def test_full_disk_ends_the_transfer(root: Path, source: Path, server: FileServer, small_disk: Path) -> None:
    (source / "file").write_bytes(bytes(1_000_000))
    with pool_into(small_disk) as transfers:
        assert reason_of(bring(transfers, server.url + "file", size=1_000_000)) is Reason.DISK_FULL
    assert files_in(small_disk) == []


def test_closing_ends_what_is_under_way(root: Path) -> None:
    enough = threading.Event()
    with raw_server(lambda connection, path: enough.wait(30) and None) as silent:
        with pool_into(root) as transfers:
            transfers.start(KEY, Request(url=silent.url, place="a"))
        assert reason_of(transfers.take(KEY)) is Reason.UNREACHABLE
        enough.set()
