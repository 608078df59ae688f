"""What a pump remembers of one path: which contents were the news there, and what each announcer last said of it."""

import struct
from collections.abc import Mapping

import msgspec

CONTENT_BYTES = 16
ANNOUNCER_BYTES = 8
COUNT_LIMIT = 2**16 - 1
"""Episodes beyond this many are counted as this many."""

NOBODY = 255

_HEAD = struct.Struct(">BBBqq")
_CONTENT = struct.Struct(">16sH")
_ANNOUNCER = struct.Struct(">8sB")
_SAYING = struct.Struct(">BHq")


class Saying(msgspec.Struct, frozen=True, gc=False):
    """One content in the mouth of one announcer: how many episodes of it have begun, and the pubTime (ns) it was last said."""

    episodes: int
    pub_time: int


class Said(msgspec.Struct, frozen=True):
    """What one announcer has said of a path, by content; never empty, in the order of saying."""

    sayings: dict[bytes, Saying]

    @property
    def content(self) -> bytes:
        """What it said last."""
        return next(reversed(self.sayings))

    @property
    def pub_time(self) -> int:
        """When it said that, in nanoseconds of Unix time by its own clock."""
        return self.sayings[self.content].pub_time


class History(msgspec.Struct, frozen=True):
    """What a pump remembers of one path.

    ``episodes`` counts by content (16 bytes) how often it has been the news; ``announcers`` tells by announcer (8 bytes) what
    it has said. Every content that an announcer said is in ``episodes``. ``latest`` is the announcer whose word is the present
    news. ``forgotten`` is the pubTime (ns) of the youngest content that had to make room for younger ones. ``news_at`` is when
    (Unix nanoseconds) a winnow has let the present news through, 0 in other pumps.

    >>> content, announcer = bytes(16), bytes(8)
    >>> history = History({content: 1}, {announcer: Said({content: Saying(1, 5)})}, latest=announcer)
    >>> History.unpack(history.pack()) == history, len(history.pack())
    (True, 57)
    """

    episodes: Mapping[bytes, int]
    announcers: Mapping[bytes, Said]
    latest: bytes = b""
    forgotten: int = 0
    news_at: int = 0

    def pack(self) -> bytes:
        """Return the record as it is stored, for at most 255 contents and 254 announcers.

        Big-endian: u8 contents, u8 announcers, u8 number of ``latest`` or 255, i64 ``forgotten``, i64 ``news_at``; each
        content: 16 bytes, u16 episodes; each announcer: 8 bytes, u8 sayings, and each of these: u8 number of the content, u16
        episodes, i64 pubTime in nanoseconds.
        """
        latest = list(self.announcers).index(self.latest) if self.latest in self.announcers else NOBODY
        parts = [_HEAD.pack(len(self.episodes), len(self.announcers), latest, self.forgotten, self.news_at)]
        numbers: dict[bytes, int] = {}
        for content, episodes in self.episodes.items():
            numbers[content] = len(numbers)
            parts.append(_CONTENT.pack(content, min(episodes, COUNT_LIMIT)))
        for announcer, said in self.announcers.items():
            parts.append(_ANNOUNCER.pack(announcer, len(said.sayings)))
            for content, saying in said.sayings.items():
                parts.append(_SAYING.pack(numbers[content], min(saying.episodes, COUNT_LIMIT), saying.pub_time))
        return b"".join(parts)

    @classmethod
    def unpack(cls, record: bytes) -> "History":
        """Read a record. Raises ValueError for anything that ``pack`` does not write."""
        try:
            return cls._read(record)
        except (struct.error, IndexError) as error:
            raise ValueError(f"a record of {len(record)} bytes is not a history: {error}") from error

    @classmethod
    def _read(cls, record: bytes) -> "History":
        contents, speakers, latest, forgotten, news_at = _HEAD.unpack_from(record)
        place = _HEAD.size + contents * _CONTENT.size
        episodes = dict(_CONTENT.iter_unpack(record[_HEAD.size : place]))
        keys = list(episodes)
        announcers = {}
        for _ in range(speakers):
            announcer, count = _ANNOUNCER.unpack_from(record, place)
            start = place + _ANNOUNCER.size
            place = start + count * _SAYING.size
            sayings = _SAYING.iter_unpack(record[start:place])
            announcers[announcer] = Said({keys[number]: Saying(times, pub_time) for number, times, pub_time in sayings})
        if place != len(record):
            raise IndexError(f"{place} bytes expected")
        return cls(episodes, announcers, b"" if latest == NOBODY else list(announcers)[latest], forgotten, news_at)
