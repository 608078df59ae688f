"""The file server of a source of the soak: what it does to a file is told by the file's name."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from crop import kind_of

_PIECES = 8
_PAUSE = 0.4


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "TroubledServer"

    def do_GET(self) -> None:
        name = unquote(self.path).lstrip("/")
        kind, visit = kind_of(name), self.server.visit(name)
        if kind == "late" and visit <= 2:
            self._answer(503, b"")
            return
        try:
            body = (self.server.root / name).read_bytes()
        except FileNotFoundError:
            body = None
        if body is None or self.server.hides(kind):
            self._answer(404, b"")
        elif kind == "cut" and visit == 1:
            self._answer(200, body[: len(body) // 2], length=len(body))
            self.close_connection = True
        elif kind == "flipped" and visit == 1:
            self._answer(200, bytes([body[0] ^ 1]) + body[1:])
        else:
            self._answer(200, body, slowly=kind == "slow")

    def _answer(self, code: int, body: bytes, *, length: int | None = None, slowly: bool = False) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        piece = len(body) // _PIECES + 1 if slowly else len(body) or 1
        for start in range(0, len(body), piece):
            self.wfile.write(body[start : start + piece])
            if slowly:
                self.server.pause(_PAUSE)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class TroubledServer(ThreadingHTTPServer):
    """Serves ``root``; ``first`` says that it is the server which never has what is halved."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, root: Path, *, first: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.hidden = {"missing", "halved"} if first else {"missing"}
        self._visits: Counter[str] = Counter()
        self._never = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def visit(self, name: str) -> int:
        """Return how often a file has been asked for, this time included."""
        self._visits[name] += 1
        return self._visits[name]

    def hides(self, kind: str) -> bool:
        """Whether files of this kind are not there at the moment."""
        return kind in self.hidden

    def pause(self, seconds: float) -> None:
        """Let time pass, unless the server is closed."""
        self._never.wait(seconds)

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that were killed."""


@contextmanager
def troubled_server(root: Path, *, first: bool) -> Iterator[TroubledServer]:
    """Serve the tree of a source."""
    server = TroubledServer(root, first=first)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
