"""Ports on loopback that nobody listens on."""

import contextlib
import random
import socket
import threading

_RANGE = range(12_000, 32_000)
"""Below the ports that Linux gives to outgoing connections, one of which could take a port before its server does."""

_given: set[int] = set()
_lock = threading.Lock()


def free_port() -> int:
    """Return a TCP port that is free on all interfaces and that this process has not given out before.

    >>> free_port() != free_port()
    True
    """
    with _lock:
        port = next(port for port in iter(_pick, None) if port not in _given and is_free(port))
        _given.add(port)
    return port


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether something at ``host``, by default this machine, takes connections at ``port``."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def _pick() -> int:
    return random.SystemRandom().choice(_RANGE)


def is_free(port: int) -> bool:
    """Say whether a program could listen at ``port`` on all interfaces."""
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
