"""Somebody who looks at every file of a folder at the very moment when it gets its name."""

import hashlib
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from brokers import eventually
from inotify_simple import Event, INotify, flags

from winnowry.schemas.paths import is_temporary


class Witness:
    """Reads each file below ``root`` as soon as a name appears for it, while its context is open.

    ``names`` holds every appearance of a final name, in order; ``digests`` what was read there and then (SHA-256).
    ``folders``, which are made, are the only ones where files may appear. One who ``takes`` removes each file at once.
    """

    def __init__(self, root: Path, folders: tuple[str, ...] = ("",), *, takes: bool = False) -> None:
        self.root = root
        self.takes = takes
        self.names: list[str] = []
        self.digests: dict[str, set[str]] = {}
        self._inotify = INotify()
        self._folders: dict[int, Path] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name=f"witness of {root.name}", daemon=True)
        for folder in folders:
            (root / folder).mkdir(parents=True, exist_ok=True)
            self._folders[self._inotify.add_watch(root / folder, flags.CREATE | flags.MOVED_TO)] = root / folder

    def wait(self, count: int, seconds: float = 60.0) -> None:
        """Wait until so many names have appeared."""
        eventually(lambda: len(self.names) >= count, seconds, f"the appearance of {count} files in {self.root.name}")

    @property
    def doubled(self) -> list[str]:
        """Names that appeared more than once."""
        return [name for name, count in Counter(self.names).items() if count > 1]

    def _look(self) -> None:
        while not self._over.is_set():
            self._take(100)
        self._take(0)

    def _take(self, timeout_ms: int) -> None:
        for event in self._inotify.read(timeout=timeout_ms):
            assert not event.mask & flags.Q_OVERFLOW, "the kernel saw more than this witness could take down"
            self._note(event)

    def _note(self, event: Event) -> None:
        if event.mask & flags.ISDIR or is_temporary(event.name):
            return
        path = self._folders[event.wd] / event.name
        name = str(path.relative_to(self.root))
        self.digests.setdefault(name, set()).add(hashlib.sha256(path.read_bytes()).hexdigest())
        if self.takes:
            path.unlink()
        self.names.append(name)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._inotify.close()
