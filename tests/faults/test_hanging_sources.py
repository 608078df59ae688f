"""A source that hangs, or sends a byte now and then, does not hide a healthy one that announces the same."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import Station, a_pump, a_real_file
from msgspec import structs
from pools import files_in
from raw_servers import RawServer, raw_server
from relays import ALICE, BOB, HEARD, a_station, announce, said

from winnowry.io.fake_server import FakeExchangeServer
from winnowry.runners.servers.nginx import FileServer

CONTENT = b"the same bytes" * 100


class Drip:
    """Answers each request with a byte now and then, until it is over; ``asked`` says that somebody has begun to wait."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.over = threading.Event()

    def __call__(self, connection: socket.socket, path: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CONTENT))
        self.asked.set()
        while not self.over.wait(0.05):
            connection.sendall(b"t")


@pytest.fixture
def server() -> FakeExchangeServer:
    return a_station()


@pytest.fixture
def drip() -> Iterator[tuple[RawServer, Drip]]:
    answer = Drip()
    with raw_server(answer) as slow:
        yield slow, answer
        answer.over.set()


@pytest.mark.parametrize("kind", ["sarra", "subscribe"])
def test_a_twin_takes_over_from_a_source_that_drips(
    kind: str, server: FakeExchangeServer, drip: tuple[RawServer, Drip], tmp_path: Path
) -> None:
    slow, answer = drip
    post = a_real_file(tmp_path, "a", CONTENT)
    with FileServer(tmp_path / "source") as quick:
        station = Station(server, tmp_path, a_pump(kind, tmp_path))
        announce(server, structs.replace(post, base_url=slow.url), ALICE)
        announced: list[str] = []

        def twin_comes() -> None:
            if answer.asked.is_set() and not announced:
                announce(server, structs.replace(post, base_url=quick.url), BOB)
                announced.append("twin")
            if station.engine.status()["later"]:
                station.clock.now += 10

        outcomes = station.run(twin_comes)["outcomes"]
        station.close()
    done = "announced:done" if kind == "sarra" else "delivered:done"
    assert outcomes == {"retried:timed_out": 1, done: 1, "repeat:known_content": 1}
    assert (files_in(tmp_path / "root"), (tmp_path / "root" / "a").read_bytes()) == (["a"], CONTENT)
    if kind == "sarra":
        assert [path for path, _ in said(server.bodies(HEARD))] == ["a"]
