"""When files are complete under their names, whether they were renamed there or written in place, as the kernel tells it."""

import threading
import time
from pathlib import Path
from typing import Self

from inotify_simple import INotify, flags

_INTERESTING = flags.CLOSE_WRITE | flags.MOVED_TO
_TICK_MS = 200


class Completions:
    """Notes at which Unix time each file below ``root`` was first whole, for the folders that are named to ``enter``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.at: dict[str, float] = {}
        self._folders: dict[int, str] = {}
        self._inotify = INotify()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"completions in {root.name}", daemon=True)

    def enter(self, folder: str) -> None:
        """Make a folder, and watch it from its beginning."""
        path = self.root / folder
        path.mkdir(parents=True)
        self._folders[self._inotify.add_watch(path, _INTERESTING)] = folder

    def _run(self) -> None:
        while not self._over.is_set():
            for event in self._inotify.read(timeout=_TICK_MS):
                if event.wd in self._folders:
                    self.at.setdefault(f"{self._folders[event.wd]}/{event.name}", time.time())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._inotify.close()
