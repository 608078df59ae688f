"""HTTP servers that answer wrongly, slowly or not at all, as bytes on a socket."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Answer = Callable[[socket.socket, str], None]
Guard = Callable[[socket.socket], socket.socket]


class RawServer:
    """Calls ``answer`` with the connection and the path of each request, one request a connection; ``paths`` in order.

    ``guard`` is given each connection first, and returns the one to speak through.
    """

    def __init__(self, answer: Answer, port: int = 0, guard: Guard = lambda connection: connection) -> None:
        self.paths: list[str] = []
        self._answer = answer
        self._guard = guard
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError):
            connection = self._guard(connection)
            asked = connection.recv(65536)
            if not asked:
                return
            self.paths.append(asked.split(b" ")[1].decode())
            self._answer(connection, self.paths[-1])


@contextmanager
def raw_server(answer: Answer, port: int = 0, guard: Guard = lambda connection: connection) -> Iterator[RawServer]:
    server = RawServer(answer, port, guard)
    try:
        yield server
    finally:
        server.close()


def saying(head: str, body: bytes = b"") -> Answer:
    """Answer every request with this and close."""

    def answer(connection: socket.socket, path: str) -> None:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_RDWR)

    return answer
