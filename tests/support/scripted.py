"""A file server that plays a part: what it answers is written down beforehand, path by path and time by time."""

import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from raw_servers import Answer, RawServer, raw_server, saying


class Script:
    """Answers by path. Each request for a path gets the next of its answers, and the last one from then on."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = defaultdict(int)
        self._answers: dict[str, tuple[Answer, ...]] = {}

    def plays(self, path: str, *answers: Answer) -> None:
        """Answer requests for ``path`` so, one after the other."""
        self._answers[f"/{path}"] = answers
        self.asked[path] = 0

    def __call__(self, connection: socket.socket, path: str) -> None:
        answers = self._answers[path]
        number = self.asked[path[1:]]
        self.asked[path[1:]] += 1
        answers[min(number, len(answers) - 1)](connection, path)


@contextmanager
def scripted() -> Iterator[tuple[Script, RawServer]]:
    script = Script()
    with raw_server(script) as server:
        yield script, server


def closing(head: str, body: bytes = b"") -> Answer:
    """Answer with this, and say that the connection ends with it: another request on it would meet its end."""
    first, _, more = head.partition("\n")
    return saying("\n".join(filter(None, (first, "Connection: close", more))), body)


def serving(content: bytes) -> Answer:
    """Answer with a file, whole and sound."""
    return closing(f"HTTP/1.1 200 OK\nContent-Length: {len(content)}", content)


def status(number: int, *headers: str) -> Answer:
    """Answer with a status and a few words that are no file."""
    return closing("\n".join([f"HTTP/1.1 {number} So", "Content-Length: 3", *headers]), b"no\n")


def cut(content: bytes, at: int) -> Answer:
    """Announce the whole file and hang up after ``at`` bytes of it."""
    return closing(f"HTTP/1.1 200 OK\nContent-Length: {len(content)}", content[:at])


def chunked(*pieces: bytes, ended: bool = True, headers: str = "") -> Answer:
    """Answer in chunks; without an end the connection breaks off after the last."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return closing(f"HTTP/1.1 200 OK\nTransfer-Encoding: chunked{headers}", body + (b"0\r\n\r\n" if ended else b""))


def hanging(head: str, body: bytes = b"", rest: bytes = b"") -> tuple[Answer, threading.Event]:
    """Answer with this and then say nothing more until the event is set; then say the rest."""
    enough = threading.Event()

    def answer(connection: socket.socket, path: str) -> None:
        connection.sendall(head.replace("\n", "\r\n").encode() + body)
        enough.wait(60)
        connection.sendall(rest)

    return answer, enough


def dripping(content: bytes, seconds: float) -> Answer:
    """Answer with a file of which a byte comes every so many seconds."""
    never = threading.Event()

    def answer(connection: socket.socket, path: str) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode())
        for byte in content:
            never.wait(seconds)
            connection.sendall(bytes([byte]))

    return answer
