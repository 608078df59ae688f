"""Which messages were underway when a process died, and how often: one small file an instance, written before they are tried.

No PTransform here: the engine keeps the book.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from winnowry.io.disk import disk_errors
from winnowry.schemas.errors import DiskTrouble

REMEMBERED = 86_400.0
"""Seconds that a crash is remembered."""


class _Page(msgspec.Struct):
    """What the file holds: identities (hex) underway; by identity, how often and when last a process died with it."""

    underway: list[str] = []
    crashes: dict[str, tuple[int, float]] = {}


class CrashBook:
    """The book of one instance. ``crashed`` says that the process before this one died of itself, by whatever was underway.

    Nothing is synced: the book is about processes that die, not machines. A damaged book is begun anew. Raises DiskTrouble.
    """

    def __init__(self, file: Path, *, crashed: bool, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock
        now = clock()
        page = self._read()
        self._crashes = {name: entry for name, entry in page.crashes.items() if now - entry[1] < REMEMBERED}
        for name in page.underway if crashed else ():
            self._crashes[name] = (self._crashes.get(name, (0, now))[0] + 1, now)
        self._underway: dict[bytes, None] = {}
        if page.underway:
            self._write()

    def crashes(self, identity: bytes) -> int:
        """Return how often a process has died while this message was noted as underway."""
        return self._crashes.get(identity.hex(), (0, 0.0))[0]

    def begin(self, identities: Iterable[bytes]) -> None:
        """Note that these are about to be tried, before they are."""
        self._underway.update(dict.fromkeys(identities))
        self._write()

    def end(self, identity: bytes) -> None:
        """Note that this one has come to an end, whatever it was; what it crashed before is forgotten.

        Where the disk does not take it, the next note tells.
        """
        if identity in self._underway:
            del self._underway[identity]
            self._crashes.pop(identity.hex(), None)
            with suppress(DiskTrouble):
                self._write()

    def _read(self) -> _Page:
        try:
            with disk_errors(str(self._file)):
                found = self._file.read_bytes() if self._file.exists() else b"{}"
            return msgspec.json.decode(found, type=_Page)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return _Page()

    def _write(self) -> None:
        page = _Page(underway=[identity.hex() for identity in self._underway], crashes=self._crashes)
        unfinished = self._file.with_suffix(".new")
        with disk_errors(str(self._file)):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(msgspec.json.encode(page))
            unfinished.rename(self._file)
