"""The ledger of a folder: every file that ever appeared there, in order, with what was in it."""

import hashlib
import os
from pathlib import Path

from inotify_simple import Event, flags
from witness import Witness

from winnowry.schemas.paths import is_temporary


class Ledger(Witness):
    """A Witness that keeps the digests (SHA-256) of each name in the order of their appearance, and what went wrong with it.

    A name that changes twice before it can be read is read once: what is there then. ``trouble`` ends the taking down.
    """

    def __init__(self, root: Path, folders: tuple[str, ...], *, takes: bool = False) -> None:
        super().__init__(root, folders, takes=takes)
        self.entries: dict[str, list[str]] = {}
        self.trouble = ""
        self._inodes: dict[str, int] = {}

    def _look(self) -> None:
        try:
            super()._look()
        except (AssertionError, OSError) as error:
            self.trouble = f"{type(error).__name__}: {error}"

    def _note(self, event: Event) -> None:
        if event.mask & flags.ISDIR or is_temporary(event.name):
            return
        path = self._folders[event.wd] / event.name
        name = str(path.relative_to(self.root))
        try:
            with path.open("rb") as file:
                content, inode = file.read(), os.fstat(file.fileno()).st_ino
        except FileNotFoundError:
            return  # taken already, when an earlier appearance of this name was looked at
        if not self.takes and self._inodes.get(name) == inode:
            return
        self._inodes[name] = inode
        self.entries.setdefault(name, []).append(hashlib.sha256(content).hexdigest())
        self.names.append(name)
        if self.takes:
            path.unlink()
