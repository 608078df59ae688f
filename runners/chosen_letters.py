"""Which dead letters are meant: all that pass every filter, and have one of the names where there are any."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import msgspec

from winnowry.io.dead import DeadLetter
from winnowry.runners.letterbox import Letterbox
from winnowry.schemas.errors import ConfigError, Malformed
from winnowry.schemas.post import Post
from winnowry.schemas.wire import read
from winnowry.transforms.filters import Filters

_USERS_EXCHANGE = "xs_"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter without its message. ``when`` is in Unix nanoseconds; ``source`` and ``path`` are empty where unknown."""

    pump: str
    name: str
    when: int
    ending: str
    reason: str
    attempts: int
    detail: str
    source: str
    path: str

    @classmethod
    def of(cls, pump: str, letter: DeadLetter, post: Post | None) -> Self:
        """Return the entry of a letter of this pump, whose message is ``post``; None for one that cannot be read."""
        exchange = letter.message.exchange
        user = exchange.removeprefix(_USERS_EXCHANGE) if exchange.startswith(_USERS_EXCHANGE) else ""
        return cls(
            pump=pump,
            name=letter.name,
            when=letter.when,
            ending=letter.ending,
            reason=letter.reason,
            attempts=letter.attempts,
            detail=letter.detail,
            source=user or (post.source or "" if post is not None else ""),
            path=post.rel_path if post is not None else "",
        )

    def row(self) -> dict[str, Any]:
        """Return it as people read it, as plain values."""
        shown = msgspec.structs.asdict(self)
        return shown | {"when": datetime.fromtimestamp(self.when / 1e9, UTC).isoformat(timespec="seconds")}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What letters are asked for; what is empty or None asks for all. Times are Unix nanoseconds.

    ``paths`` are globs as in the cluster file, on the path as announced; what cannot be read has no path, and passes none.
    """

    pumps: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    endings: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    before: int | None = None
    after: int | None = None

    def entries(self, boxes: Mapping[str, Letterbox]) -> list[Entry]:
        """Return what is found in these boxes, in their order. Raises as they do, and ConfigError for a glob."""
        filters = Filters(accept=self.paths)
        found: list[Entry] = []
        for pump, box in boxes.items():
            if not self.pumps or pump in self.pumps:
                found += [entry for letter in box.read() if (entry := self._entry(pump, letter, filters)) is not None]
        return found

    def _entry(self, pump: str, letter: DeadLetter, filters: Filters) -> Entry | None:
        post = post_of(letter)
        entry = Entry.of(pump, letter, post)
        asked = ((self.reasons, entry.reason), (self.endings, entry.ending), (self.sources, entry.source))
        if any(words and word not in words for words, word in asked):
            return None
        if (self.before is not None and entry.when > self.before) or (self.after is not None and entry.when < self.after):
            return None
        if self.paths and (post is None or not filters.select(post)):
            return None
        return entry


def named(entries: Sequence[Entry], beginnings: Iterable[str]) -> list[Entry]:
    """Return the entries whose names begin so, in their order. Raises ConfigError where a beginning fits none, or several."""
    chosen: set[tuple[str, str]] = set()
    for beginning in beginnings:
        fitting = {(entry.pump, entry.name) for entry in entries if entry.name.startswith(beginning)}
        if not fitting:
            raise ConfigError(f"no dead letter has a name that begins with {beginning}")
        if len(fitting) > 1:
            several = ", ".join(f"{name} of {pump}" for pump, name in sorted(fitting)[:5])
            raise ConfigError(f"the names of {len(fitting)} dead letters begin with {beginning}: {several}")
        chosen |= fitting
    return [entry for entry in entries if (entry.pump, entry.name) in chosen]


def post_of(letter: DeadLetter) -> Post | None:
    """Return the Post that was given up; None where the message is none, or cannot be read."""
    try:
        post = read(letter.message)
    except Malformed:
        return None
    return post if isinstance(post, Post) else None
