"""The data root: everything below it, and never anything outside it.

Paths are opened component by component relative to directory descriptors and without following symbolic links, so that a
link planted inside the root, even between two steps of ours, is refused and never written through.
"""

import os
import stat
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from errno import EMFILE, ENFILE, ENOENT
from functools import cache
from pathlib import Path
from typing import TypeVar

from winnowry.io.disk import disk_errors, is_missing
from winnowry.io.places import encoded, is_text, split_place, temporary_name
from winnowry.schemas.errors import DiskTrouble, Refused
from winnowry.schemas.paths import is_temporary
from winnowry.schemas.reasons import Reason

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TRUSTED = 1.0

Answer = TypeVar("Answer")


class _Directory:
    """An open directory, closed when the last thread that works in it lets go."""

    __slots__ = ("descriptor", "opened")

    def __init__(self, descriptor: int, opened: float) -> None:
        self.descriptor = descriptor
        self.opened = opened

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.descriptor)  # named here because ``os`` may be gone when the interpreter ends


class Tree:
    """Files, directories and links below ``root``, which must exist. Safe to use from several threads.

    ``place`` is always a path relative to the root. Directories are created on the way to what is created. Descriptors of
    up to ``remembered`` directories are kept for a second each, so that one moved elsewhere is noticed.
    Raises DiskTrouble, or Refused where a path cannot be used: too long, or with a link or a file in the way.
    """

    def __init__(self, root: Path, *, remembered: int = 256, clock: Callable[[], float] = time.monotonic) -> None:
        self.root = root
        self._remembered = remembered
        self._clock = clock
        self._directories: OrderedDict[str, _Directory] = OrderedDict()

    def create_temporary(self, place: str, mode: int = 0o644) -> tuple[int, str]:
        """Create a file beside ``place`` under a name of its own; return its descriptor, for writing, and its place."""
        directory, name = split_place(place)
        temporary = temporary_name(name)
        descriptor = self._within(directory, place, lambda at: os.open(temporary, _CREATE, mode, dir_fd=at), create=True)
        return descriptor, _join(directory, temporary)

    def rename(self, old: str, new: str) -> None:
        """Give what is at ``old`` the name ``new``, replacing a file or link there at once."""
        (source, was), (target, becomes) = split_place(old), split_place(new)

        def move(at: int) -> None:
            if source == target:
                os.rename(was, becomes, src_dir_fd=at, dst_dir_fd=at)
            else:
                self._within(source, old, lambda other: os.rename(was, becomes, src_dir_fd=other, dst_dir_fd=at))

        self._within(target, new, move, create=True)

    def link(self, target: str, place: str) -> None:
        """Make ``place`` a symbolic link that says ``target``, replacing a file or link there at once."""
        directory, name = split_place(place)
        temporary = temporary_name(name)

        def make(at: int) -> None:
            os.symlink(encoded(target), temporary, dir_fd=at)
            try:
                os.rename(temporary, name, src_dir_fd=at, dst_dir_fd=at)
            except OSError:
                os.unlink(temporary, dir_fd=at)
                raise

        self._within(directory, place, make, create=True)

    def make_directory(self, place: str, mode: int | None = None) -> None:
        """Make a directory, or give the one that is there this ``mode``."""
        split_place(place)
        self._within(place, place, lambda at: None if mode is None else os.fchmod(at, mode), create=True)

    def stat(self, place: str) -> os.stat_result | None:
        """Return what is at ``place``, links not followed; None where there is nothing."""
        directory, name = split_place(place)
        try:
            return self._within(directory, place, lambda at: os.stat(name, dir_fd=at, follow_symlinks=False))
        except DiskTrouble as error:
            if is_missing(error):
                return None
            raise

    def open(self, place: str) -> int:
        """Return a descriptor for reading what is at ``place``; a pipe does not block."""
        directory, name = split_place(place)
        return self._within(directory, place, lambda at: os.open(name, _READ, dir_fd=at))

    def unlink(self, place: str) -> bool:
        """Remove a file or link; False where there was none."""
        directory, name = split_place(place)
        try:
            self._within(directory, place, lambda at: os.unlink(name, dir_fd=at))
        except DiskTrouble as error:
            if is_missing(error):
                return False
            raise
        return True

    def sync(self, directory: str) -> None:
        """Have the disk keep which names a directory holds; "" is the root."""
        self._within(directory, directory, os.fsync)

    def begin_to_write(self, place: str) -> None:
        """Let the disk begin to write what a file holds, without waiting for it."""
        self._read(place, lambda descriptor: os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED))

    def sync_file(self, place: str) -> None:
        """Have the disk keep what a file holds."""
        self._read(place, os.fsync)

    def _read(self, place: str, work: Callable[[int], None]) -> None:
        descriptor = self.open(place)
        try:
            with disk_errors(place):
                work(descriptor)
        finally:
            os.close(descriptor)

    def sweep(self, older_than: float, spare: frozenset[str] = frozenset(), clock: Callable[[], float] = time.time) -> int:
        """Remove temporaries that nobody has touched for ``older_than`` seconds: their process is dead. Return how many.

        ``spare`` are those that an intent names: that such a file is gone is taken to mean that it was renamed.
        """
        limit = clock() - older_than
        return sum(self._sweep_one(place, limit) for place in self._temporaries() if place not in spare)

    def _sweep_one(self, place: str, limit: float) -> bool:
        found = self.stat(place)
        return found is not None and stat.S_ISREG(found.st_mode) and found.st_ctime < limit and self.unlink(place)

    def _temporaries(self) -> Iterator[str]:
        """Go down with a list of our own: folders may be nested deeper than functions may call each other."""
        down = [""]
        while down:
            directory = down.pop()
            with suppress(OSError), os.scandir(self._open(directory, create=False).descriptor) as entries:
                for entry in entries:  # a folder that has vanished, or has become a link, is passed over
                    place = _join(directory, entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        down.append(place)
                    elif is_temporary(entry.name) and is_text(place):
                        yield place

    def _within(self, directory: str, place: str, work: Callable[[int], Answer], create: bool = False) -> Answer:
        """Do ``work`` in a directory; once more, all opened anew, when one that is remembered is gone, or too many are open."""
        with disk_errors(place):
            try:
                opened = self._open(directory, create)  # held by name: another thread may make the Tree forget it
                return work(opened.descriptor)
            except OSError as error:
                if error.errno not in (ENOENT, EMFILE, ENFILE):
                    raise
            self._directories.clear()
            opened = self._open(directory, create)
            return work(opened.descriptor)

    def _open(self, directory: str, create: bool) -> _Directory:
        """Open a directory from the nearest one above it that is remembered, one name at a time."""
        now, at = self._clock(), directory
        names: list[str] = []
        while (opened := self._known(at, now)) is None and at:
            at, _, name = at.rpartition("/")
            names.append(name)
        if opened is None:
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened = self._remember("", _Directory(descriptor, now))
        for name in reversed(names):
            at = _join(at, name)
            opened = self._remember(at, _Directory(_open_directory(opened.descriptor, name, create), now))
        return opened

    def _known(self, directory: str, now: float) -> _Directory | None:
        known = self._directories.get(directory)
        return known if known is not None and now - known.opened < _TRUSTED else None

    def _remember(self, directory: str, opened: _Directory) -> _Directory:
        self._directories[directory] = opened
        if len(self._directories) > self._remembered:
            with suppress(KeyError):
                self._directories.popitem(last=False)
        return opened


@cache
def tree_at(root: Path) -> Tree:
    """Return the one Tree of this process for ``root``."""
    return Tree(root)


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _open_directory(parent: int, name: str, create: bool) -> int:
    if name in ("", ".", ".."):
        raise Refused(Reason.PATH_UNUSABLE, f"the directory {name!r}")
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=parent)
    return os.open(name, _DIRECTORY, dir_fd=parent)
