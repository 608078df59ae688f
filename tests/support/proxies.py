"""A way to a server that a test can break: over TLS, in tiny pieces, or cut."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """Forwards connections on a free port of loopback to ``port``; ``piece`` is how many bytes go on at a time.

    ``deaf`` loses what the client says, ``mute`` what the server says, while they are set; ``lag`` is how many seconds each
    piece from the server is late, ``garble`` what becomes of it.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None, piece: int = 65536) -> None:
        self._target = port
        self._tls = tls
        self._piece = piece
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.deaf = self.mute = False
        self.lag = 0.0
        self.garble: Callable[[bytes], bytes] | None = None

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shut()

    def shut(self) -> None:
        """Take no more connections, and break those that there are."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def reopen(self) -> None:
        """Take connections again, at the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.__enter__()

    def cut(self) -> None:
        """Break every connection there is; new ones are taken."""
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                with suppress(OSError):
                    self._join(self._tls.wrap_socket(near, server_side=True) if self._tls else near)

    def _join(self, near: socket.socket) -> None:
        far = socket.create_connection(("127.0.0.1", self._target))
        self._open += [near, far]
        ways = ((near, far, lambda: self.deaf, 0), (far, near, lambda: self.mute, 1))
        for source, target, lost, late in ways:
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._forward, args=(source, target, lost, late), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, lost: Callable[[], bool], late: int) -> None:
        with suppress(OSError):
            while data := source.recv(self._piece):
                if not lost():
                    time.sleep(late * self.lag)
                    target.sendall(self.garble(data) if late and self.garble is not None else data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def through(proxy: Proxy, url: str, scheme: str = "amqp") -> str:
    """The URL of a broker that is reached through a proxy."""
    parts = urlsplit(url)
    return parts._replace(scheme=scheme, netloc=f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}").geturl()
