"""When files appear under their names, as the kernel tells it."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from inotify_simple import Event, INotify, flags

_INTERESTING = flags.CREATE | flags.MOVED_TO
_TICK_MS = 200


class Watch:
    """Notes when each path below ``root`` appears, from a thread of its own, while its context is open.

    ``arrived`` holds the Unix time at which a file was renamed to its path, or a link made there. ``grown`` holds the paths
    at which a file was not renamed but made, and so was to be seen while it was still growing. A folder that appears
    together with its files is looked through, and they count as of then.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self.arrived: dict[str, float] = {}
        self.grown: set[str] = set()
        self._clock = clock
        self._folders: dict[int, Path] = {}
        self._inotify = INotify()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch {root.name}", daemon=True)

    def close(self) -> None:
        """Take in what has happened until now, and stop."""
        self._over.set()
        self._thread.join()
        self._inotify.close()

    def _run(self) -> None:
        self._enter(self.root)
        while not self._over.is_set():
            self._take(_TICK_MS)
        self._take(0)

    def _take(self, timeout_ms: int) -> None:
        for event in self._inotify.read(timeout=timeout_ms):
            if event.wd in self._folders:
                self._note(event, self._folders[event.wd] / event.name)

    def _note(self, event: Event, path: Path) -> None:
        if event.mask & flags.ISDIR:
            self._enter(path)
        elif event.mask & flags.MOVED_TO or path.is_symlink():
            self.arrived[os.path.relpath(path, self.root)] = self._clock()
        else:
            self.grown.add(os.path.relpath(path, self.root))

    def _enter(self, folder: Path) -> None:
        try:
            self._folders[self._inotify.add_watch(folder, _INTERESTING)] = folder
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                self._enter(folder / entry.name)
            else:
                self.arrived.setdefault(os.path.relpath(entry.path, self.root), self._clock())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
