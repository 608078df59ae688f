"""What a pump promises of the files of several announcers: the reference that the real pump is compared with.

Each path has one history of versions, its truth. The announcers are mirrors: each says the versions of a path one after
another, as late as it likes, may say the present one anew, and may send any message twice. A *word* is one such Post.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Word:
    """A Post: at ``time``, which no other word has, ``announcer`` said that ``path`` has ``content``."""

    announcer: str
    path: str
    content: str
    time: int


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the pump was seen to do. ``heard`` are announcements and ``ends`` Reports, each with the word that it answers."""

    heard: list[Word]
    ends: list[tuple[Word, str]]
    files: Mapping[str, str]


@dataclass(kw_only=True)
class Promises:
    """Truth, what was said of it, and what disturbed the pump. Each promise is a method that fails where it is broken.

    ``lost`` says that messages may have been delivered again to a pump that has not died.
    """

    truth: dict[str, list[str]] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)
    sent: Counter[Word] = field(default_factory=Counter)
    said: Counter[tuple[str, str]] = field(default_factory=Counter)
    died: bool = False
    lost: bool = False
    troubled: bool = False
    resubmitted: int = 0

    def change(self, path: str, content: str) -> None:
        """Let a path have other content, unless that is what it has."""
        versions = self.truth.setdefault(path, [])
        if versions[-1:] != [content]:
            versions.append(content)

    def lags(self, announcer: str, path: str) -> int:
        """Return how many versions of a path an announcer has not said yet."""
        return len(self.truth.get(path, ())) - self.said[announcer, path]

    def say(self, announcer: str, path: str) -> Word:
        """Let an announcer say its next version of a path, or the last one anew."""
        if self.lags(announcer, path):
            self.said[announcer, path] += 1
        content = self.truth[path][self.said[announcer, path] - 1]
        self.words.append(Word(announcer=announcer, path=path, content=content, time=len(self.words) + 1))
        self.sent[self.words[-1]] += 1
        return self.words[-1]

    def only_what_was_announced_is_visible(self, files: Mapping[str, str]) -> None:
        """At any time: a file under its name is whole, and of content that was announced for it."""
        for path, content in files.items():
            assert any((word.path, word.content) == (path, content) for word in self.words), (path, content)

    def kept(self, seen: Seen) -> None:
        """In the end, when both announcers have said the last version, and nothing is underway."""
        self.only_what_was_announced_is_visible(seen.files)
        self._each_word_has_its_ending(seen)
        self._endings_are_true(seen)
        self._news_is_announced_once(seen)
        self._the_newest_is_there(seen)

    def _each_word_has_its_ending(self, seen: Seen) -> None:
        reports = Counter(word for word, _ in seen.ends)
        assert set(reports) == set(self.sent)
        assert all(reports[word] >= self.sent[word] for word in self.sent)
        if not (self.died or self.lost):
            assert reports.total() == self.sent.total() + self.resubmitted
        announced = Counter(word for word, ending in seen.ends if ending == "announced")
        assert max(announced.values(), default=0) <= 1
        well = {word for word, ending in seen.ends if ending in ("announced", "repeat", "superseded")}
        assert well == set(self.sent)

    def _endings_are_true(self, seen: Seen) -> None:
        """A repeat was heard, and what is superseded has a successor."""
        heard = {(word.path, word.content) for word in seen.heard}
        for word, ending in seen.ends:
            if ending in ("announced", "repeat"):
                assert (word.path, word.content) in heard, word
            if ending == "superseded":
                assert any(self._succeeds(later, word) for later in self.words), word

    def _succeeds(self, later: Word, word: Word) -> bool:
        return (later.announcer, later.path) == (word.announcer, word.path) and later.time > word.time

    def _news_is_announced_once(self, seen: Seen) -> None:
        announced = Counter(word for word, ending in seen.ends if ending == "announced")
        heard = Counter(seen.heard)
        assert announced <= heard
        if not self.died:
            assert heard == announced
        if not self.troubled:
            news = contents_by_path(seen.heard)
            assert {path: set(found) for path, found in news.items()} == {path: set(all_) for path, all_ in self.truth.items()}
            assert self.died or news == self.truth

    def _the_newest_is_there(self, seen: Seen) -> None:
        newest = {path: versions[-1] for path, versions in self.truth.items()}
        assert seen.files == newest
        assert {path: found[-1] for path, found in contents_by_path(seen.heard).items()} == newest


def contents_by_path(words: Iterable[Word]) -> dict[str, list[str]]:
    """Return what was said of each path, in order."""
    found: dict[str, list[str]] = {}
    for word in words:
        found.setdefault(word.path, []).append(word.content)
    return found
