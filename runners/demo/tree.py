"""A tree of files as awkward as real ones, the same for the same seed."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

ODD_NAMES = (
    "plain",
    "two words",
    " led by a space",
    "ends in a space ",
    "number #1",
    "percent %41",
    "100%",
    "don't",
    'say "so"',
    "two\nlines",
    "a\ttab",
    "café",
    "cafe\u0301",
    "日本語",
    "🛰 pass",
    ".hidden",
    "...",
    "back\\slash",
    "semi;colon",
    "this&that",
    "really?",
    "star*",
    "[brackets]",
    "{braces}",
    "$HOME",
    "~tilde",
    "a+b=c",
    "one,two",
    "C:",
    "at@sign",
    "v1.2.3",
    "a..b",
    "-dash",
    "|pipe",
    "<angle>",
)
"""Each is used as a folder and as a file. A path in v03 is text, so names that are not UTF-8 have no place here."""

_LONG = "long " + "x" * 240
_MODES = (0o644, 0o644, 0o600, 0o640, 0o664, 0o755, 0o444, 0o400, 0o700)
_FOLDER_MODES = (0o755, 0o755, 0o750, 0o700, 0o775)
_SECOND = 1_000_000_000
_FIRST_MTIME = 1_600_000_000 * _SECOND
_MTIME_SPAN = 150_000_000 * _SECOND


def plant(
    folder: Path, *, seed: int = 1, files: int = 3000, largest: int = 0, names: Sequence[str] = ODD_NAMES, tame: bool = False
) -> None:
    """Make a tree of ``files`` regular files, and links and empty folders beside them, in ``folder``.

    Among the files are empty ones, ones of one byte, equal ones at different paths and, unless it is 0, one of ``largest``
    bytes; modes and times (in nanoseconds) are assorted. A ``tame`` tree has no link that leads nowhere, or back
    to a folder that holds it. The same arguments make the same tree, times included.
    """
    random = Random(seed)
    folders = _make_folders(folder, random, _Names(names, random), max(len(names), files // 50))
    for path, content in _files(folders, random, _Names(names, random), files, largest):
        path.write_bytes(content)
        path.chmod(random.choice(_MODES))
        os.utime(path, ns=(_FIRST_MTIME, _FIRST_MTIME + random.randrange(_MTIME_SPAN)))
    _make_links(folders, random, tame=tame)
    for made in reversed(folders[1:]):
        made.chmod(random.choice(_FOLDER_MODES))


def sow(folder: Path, *, seed: int = 2, files: int = 100) -> None:
    """Make ``files`` files of 10 kB in ``folder``, which is made too."""
    random = Random(seed)
    folder.mkdir(parents=True)
    for number in range(files):
        (folder / f"file {number}").write_bytes(random.randbytes(10_000))


class _Names:
    """Each of the names once, and then again with a number."""

    def __init__(self, names: Sequence[str], random: Random) -> None:
        self._names = names
        self._random = random

    def __getitem__(self, number: int) -> str:
        return self._names[number] if number < len(self._names) else f"{self._random.choice(self._names)}{number}"


def _make_folders(root: Path, random: Random, names: _Names, count: int) -> list[Path]:
    folders = [root]
    for number in range(count):
        folders.append(random.choice(folders[: 1 + number // 2]) / names[number])
    folders.append(root / "deep")
    for level in range(30):
        folders.append(folders[-1] / f"deep level {level}")
    for number in range(10):
        folders.append(random.choice(folders) / f"empty folder {number}")
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return [folder for folder in folders if not folder.name.startswith("empty folder")]


def _files(folders: list[Path], random: Random, names: _Names, count: int, largest: int) -> Iterator[tuple[Path, bytes]]:
    shared = random.randbytes(4096)
    for number in range(count):
        name = _LONG if number == count - 1 else names[number]
        yield random.choice(folders) / f"{name}.file", _content(number, random, shared, largest)


def _content(number: int, random: Random, shared: bytes, largest: int) -> bytes:
    if number == 0 and largest:
        return random.randbytes(largest)
    match number % 20:
        case 1:
            return b""
        case 2:
            return random.randbytes(1)
        case 3:
            return shared
        case 4:
            return random.randbytes(random.randrange(100_000))
    return random.randbytes(random.randrange(16_000))


def _make_links(folders: list[Path], random: Random, *, tame: bool) -> None:
    for number, folder in enumerate(folders[1:]):
        names = sorted(path.name for path in folder.iterdir() if path.is_file())
        if names:
            (folder / f"link {number}").symlink_to(random.choice(names))
        if not tame:
            (folder / f"dead link {number}").symlink_to("nothing")
            (folder / f"link back {number}").symlink_to(f"../{folder.name}")
