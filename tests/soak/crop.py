"""What the two sources of the soak have, wave after wave: many small files, and some of each kind of trouble."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

SOURCES = ("alice", "bob")
FILES_A_WAVE = 850

KINDS = (
    ("slow", 4),  # a body that takes seconds
    ("late", 10),  # two requests fail before the third is answered
    ("cut", 5),  # the connection breaks in the first body
    ("flipped", 5),  # the first body has a wrong bit
    ("missing", 3),  # no server has it, until it is put back in the end
    ("halved", 3),  # the server of the first source never has it
    ("gone", 5),  # removed soon after it was announced
    ("changing", 10),  # one content, then another, then the first again
)
"""Kinds of files, and how many of a thousand are of each; the others are plain."""

VERSIONS = 3
"""How often a changing file is announced."""


def kind_of(name: str) -> str:
    """Return of which kind a file of the crop is.

    >>> kind_of("w0001/slow 17")
    'slow'
    """
    return name.rpartition("/")[2].partition(" ")[0]


@dataclass
class Crop:
    """The trees of the sources below ``folder``, the same for the same seed.

    ``versions`` tells the digest (SHA-256) of each content that a file has had, in order.
    """

    folder: Path
    seed: int
    waves: int
    versions: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._first: dict[str, bytes] = {}
        for wave in range(self.waves):
            for source in SOURCES:
                (self.folder / source / folder_of(wave)).mkdir(parents=True)

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of all waves."""
        return tuple(folder_of(wave) for wave in range(self.waves))

    @property
    def announcements(self) -> int:
        """How many contents of files have been announced, by each source."""
        return sum(map(len, self.versions.values()))

    def sow(self, wave: int) -> list[str]:
        """Make the files of a wave, and change those that are due; return what is to be announced."""
        changed = [self._changed(name) for earlier in (wave - 1, wave - 2) for name in self._changing(earlier)]
        kinds = [kind for kind, share in KINDS for _ in range(share) if kind != "changing" or wave < self.waves - 2]
        for number in range(FILES_A_WAVE):
            draw = self._random.randrange(1000)
            kind = kinds[draw] if draw < len(kinds) else "plain"
            self._write(f"{folder_of(wave)}/{kind} {number}", self._content())
        return [folder_of(wave), *changed]

    def of_kind(self, *kinds: str) -> list[str]:
        """Return the files of these kinds."""
        return [name for name in self.versions if kind_of(name) in kinds]

    def remove(self, wave: int) -> None:
        """Remove what is gone soon from the trees of all sources."""
        for name in self.of_kind("gone"):
            if name.startswith(f"{folder_of(wave)}/"):
                for source in SOURCES:
                    (self.folder / source / name).unlink(missing_ok=True)

    def _changing(self, wave: int) -> list[str]:
        return [name for name in self.of_kind("changing") if name.startswith(f"{folder_of(wave)}/")] if wave >= 0 else []

    def _changed(self, name: str) -> str:
        again = len(self.versions[name]) == VERSIONS - 1
        self._write(name, self._first[name] if again else self._content())
        return name

    def _content(self) -> bytes:
        draw = self._random.random()
        size = self._random.randrange(100_000, 300_000) if draw < 0.002 else self._random.randrange(3000)
        return self._random.randbytes(size + 8)

    def _write(self, name: str, content: bytes) -> None:
        if kind_of(name) == "changing":
            self._first.setdefault(name, content)
        self.versions.setdefault(name, []).append(hashlib.sha256(content).hexdigest())
        first, *others = (self.folder / source / name for source in SOURCES)
        unfinished = self.folder / "unfinished"
        unfinished.write_bytes(content)
        unfinished.replace(first)
        for other in others:
            os.link(first, unfinished)
            unfinished.replace(other)


def folder_of(wave: int) -> str:
    """Return the folder that the files of a wave are in."""
    return f"w{wave:04}"
