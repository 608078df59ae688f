"""How a running pump is asked: one JSON object a line on a unix socket in its state folder, one JSON object a line back."""

import contextlib
import json
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from winnowry.schemas.errors import Unreachable
from winnowry.schemas.reasons import Reason

LONGEST_LINE = 1024 * 1024
"""Bytes of the longest request or answer."""

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Control:
    """Answers requests on ``path`` from a thread of its own, until it is closed. It is a context manager.

    ``answer`` is called on that thread with each request; the socket can be used by its owner alone. A socket that a killed
    process left behind is replaced.
    """

    def __init__(self, path: Path, answer: Answer) -> None:
        self.path = path
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with short(path) as name:
            self._server = _Server(name, answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more, and remove the socket."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> "Control":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, name: str, answer: Answer) -> None:
        super().__init__(name, _Conversation)
        self.answer = answer

    def server_bind(self) -> None:
        """Be nobody else's from the first moment: the file takes the mode of the socket, and never a wider one."""
        os.fchmod(self.socket.fileno(), 0o600)
        super().server_bind()


class _Conversation(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while line := self.rfile.readline(LONGEST_LINE):
                self.wfile.write(json.dumps(self._answer(line)).encode() + b"\n")

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return {"error": "this is not JSON"}
        if not isinstance(request, dict):
            return {"error": "a request is a JSON object"}
        return self.server.answer(request)


def socket_of(state: Path, number: int) -> Path:
    """Return where an instance of the pump with this state folder is asked.

    >>> socket_of(Path("state/ingest"), 1)
    PosixPath('state/ingest/1/control.sock')
    """
    return state / str(number) / "control.sock"


def ask(path: Path, request: dict[str, Any], patience: float = 5.0) -> dict[str, Any]:
    """Return the answer of the pump whose socket is at ``path``; ``patience`` is in seconds.

    Raises Unreachable when nobody answers there.
    """
    try:
        with short(path) as name, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(patience)
            connection.connect(name)
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile("rb").readline(LONGEST_LINE))
    except (OSError, ValueError) as error:
        detail = getattr(error, "strerror", None) or "no answer"
        raise Unreachable(Reason.UNREACHABLE, f"{path}: {detail}") from error
    return answer


@contextlib.contextmanager
def short(path: Path) -> Iterator[str]:
    """Give a name for the socket that fits into the 108 bytes which the kernel has for it, however deep the folder is."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
