"""A file server that takes its time, so that what fetches from it can be interrupted."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def do_GET(self) -> None:
        self.server.wait_for_turn()
        if self.server.refuses(self.path):
            self.send_error(503)
            return
        body = (self.server.root / unquote(self.path).lstrip("/")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, root: Path, pause: float, ailing: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self._ailing = ailing
        self._refused: set[str] = set()
        self._pause = pause
        self._turn = threading.Lock()
        self._never = threading.Event()

    def wait_for_turn(self) -> None:
        with self._turn:
            self._never.wait(self._pause)

    def refuses(self, path: str) -> bool:
        """Whether this is the first time that somebody asks for an ailing file."""
        if not self._ailing or not path.endswith(self._ailing) or path in self._refused:
            return False
        self._refused.add(path)
        return True

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that were killed."""


@contextmanager
def slow_server(root: Path, pause: float, ailing: str = "") -> Iterator[str]:
    """Serve a folder, one file at a time and ``pause`` seconds each; yields the URL.

    Files whose names end in ``ailing`` are answered by 503 the first time.
    """
    server = _Server(root, pause, ailing)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
