"""Tell a repeat from news, by what the pump remembers of the path.

No PTransform of this name: each engine expands the sieve and the gate of its memory in its own way, and both call these
functions. The rule: an announcer that says a content again after having said another begins its next episode of it; its k-th
episode is a repeat if the pump has had k episodes of that content. So the second of two sources is winnowed however late it
comes, and content that goes A, B, A is news three times, once each. What a winnow has let through was said by the winnow, when
it did.

One exception keeps a pump from ending with old content when Posts of several announcers failed on the way and their counts have
drifted apart: the announcer whose word is the present news may always change it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from hashlib import blake2b
from typing import Literal

import msgspec

from winnowry.schemas.arrival import Arrival, Claim
from winnowry.schemas.history import ANNOUNCER_BYTES, History, Said, Saying
from winnowry.schemas.post import Operation, Post
from winnowry.schemas.times import read_time
from winnowry.schemas.winnowed import read_winnowed

REPLAY = "replayId"
"""The extension field by which the Posts of a replay are told from those replayed."""

CONTENTS_LIMIT = 64
"""Contents remembered of one path: a file that is new every minute must not grow its record for ever."""
ANNOUNCERS_LIMIT = 64
"""Announcers remembered of one path."""


TIME_LIMIT = 2**63 - 1
"""Nanoseconds that a record can hold: the years 1677 to 2262. A pubTime beyond counts as the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a repeat is: the same content at the same path, or (``data``) anywhere.

    ``by_source`` keeps sources apart, for a pump whose layout gives each source files of its own.
    """

    same: Literal["path", "data"] = "path"
    by_source: bool = False


class Verdict(Enum):
    """What the memory says of a claim."""

    NEWS = "news"
    REPEAT = "repeat"
    SUPERSEDED = "superseded"


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """The verdict, which of its announcer's episodes this is, and whether a repeat changes what is to be remembered."""

    verdict: Verdict
    episode: int
    changes: bool = True


def claim_of(arrival: Arrival, *, scope: Scope) -> Claim:
    """Return what an Arrival claims; its episode is 0 until it is judged.

    Where one content is one whatever its path, the claim has no announcer: such contents are a plain set. Empty files and
    whatever says nothing of its content keep their path even then. Raises Malformed for a pubTime that is none.
    """
    post = arrival.post
    place = _place_of(post, scope)
    content = _content_of(post)
    pub_time = max(-TIME_LIMIT, min(read_time(post.pub_time), TIME_LIMIT))
    if scope.same == "data" and _says_content(post):
        path = _key("data", _edge_of(post, scope), content.hex())
        return Claim(identity=arrival.identity, path=path, content=content, announcer=b"", pub_time=pub_time, episode=0)
    winnowed = read_winnowed(arrival.delivery.headers) if arrival.delivery.headers and arrival.edge.kind != "user" else None
    if winnowed is None:
        announcer = _announcer(arrival.edge.name, post.source or "")
    else:
        announcer, pub_time = _announcer(arrival.edge.name, f"\0{winnowed.by}"), min(winnowed.at, TIME_LIMIT)
    return Claim(identity=arrival.identity, path=place, content=content, announcer=announcer, pub_time=pub_time, episode=0)


def departure_of(arrival: Arrival, *, scope: Scope) -> Claim | None:
    """Return the removal that a rename implies at its old path, to be remembered with it; None for anything else.

    Without it, a file made again under the old name would be taken for a repeat.
    """
    operation = arrival.post.operation
    if operation is None or operation.kind != "rename" or not operation.target:
        return None
    gone = msgspec.structs.replace(
        arrival.post, rel_path=operation.target, origin_path=None, fingerprint=None, file_op={"remove": ""}
    )
    return claim_of(msgspec.structs.replace(arrival, post=gone), scope=scope)


def judge(history: History | None, claim: Claim) -> Judgement:
    """Say whether a claim is news, by the history of its path (None: nothing is remembered of it).

    >>> claim = Claim(identity=b"", path=b"p", content=b"c", announcer=b"a", pub_time=1, episode=0)
    >>> judge(None, claim)
    Judgement(verdict=<Verdict.NEWS: 'news'>, episode=1, changes=True)
    >>> judge(note(None, claim), claim)
    Judgement(verdict=<Verdict.REPEAT: 'repeat'>, episode=1, changes=False)
    """
    if history is None:
        return Judgement(Verdict.NEWS, 1)
    known = history.episodes.get(claim.content, 0)
    if not claim.announcer:
        return Judgement(Verdict.REPEAT if known else Verdict.NEWS, 1, not known)
    said = history.announcers.get(claim.announcer)
    return _first_words(history, claim, known) if said is None else _next_words(history, claim, known, said)


def _first_words(history: History, claim: Claim, known: int) -> Judgement:
    if known:
        return Judgement(Verdict.REPEAT, 1)
    if claim.pub_time <= history.forgotten:
        return Judgement(Verdict.SUPERSEDED, 0, changes=False)
    return Judgement(Verdict.NEWS, 1)


def _next_words(history: History, claim: Claim, known: int, said: Said) -> Judgement:
    earlier = said.sayings.get(claim.content)
    episodes = earlier.episodes if earlier is not None else 0
    if earlier is not None and earlier.pub_time == claim.pub_time:
        return Judgement(Verdict.REPEAT, episodes, changes=False)
    if claim.pub_time < said.pub_time:
        return Judgement(Verdict.SUPERSEDED, episodes, changes=False)
    if said.content == claim.content:
        return Judgement(Verdict.REPEAT, episodes)
    if claim.announcer == history.latest:
        return Judgement(Verdict.NEWS, max(episodes, known) + 1)
    return Judgement(Verdict.REPEAT if episodes < known else Verdict.NEWS, episodes + 1)


def remember(history: History | None, claim: Claim, *, news: bool) -> History:
    """Return the history of a path after a judged claim has ended well: as news, or as a repeat.

    >>> claim = Claim(identity=b"", path=b"p", content=b"c", announcer=b"a", pub_time=1, episode=1)
    >>> remember(None, claim, news=True).episodes
    {b'c': 1}
    """
    history = history or History({}, {})
    episodes = dict(history.episodes)
    episodes[claim.content] = max(episodes.get(claim.content, 0), claim.episode if news else 1)
    news_at = claim.news_at if news else history.news_at
    if not claim.announcer:
        return History(episodes, {}, news_at=news_at)
    announcers = dict(history.announcers)
    announcers[claim.announcer] = _say(announcers.get(claim.announcer), claim)
    kept = History(episodes, announcers, claim.announcer if news else history.latest, history.forgotten, news_at)
    return _make_room(kept) if len(episodes) > CONTENTS_LIMIT or len(announcers) > ANNOUNCERS_LIMIT else kept


def note(history: History | None, claim: Claim) -> History | None:
    """Judge and remember at once, for what needs no work in between, as a departure; None where nothing changes."""
    judgement = judge(history, claim)
    if not judgement.changes:
        return None
    judged = msgspec.structs.replace(claim, episode=judgement.episode)
    return remember(history, judged, news=judgement.verdict is Verdict.NEWS)


def _say(said: Said | None, claim: Claim) -> Said:
    sayings = dict(said.sayings) if said is not None else {}
    sayings.pop(claim.content, None)
    sayings[claim.content] = Saying(claim.episode, claim.pub_time)
    return Said(sayings)


def _make_room(history: History) -> History:
    """Forget the contents that nobody has said for longest, and the announcers that have said nothing for longest."""
    announcers = dict(sorted(history.announcers.items(), key=lambda item: item[1].pub_time)[-ANNOUNCERS_LIMIT:])
    last_said = dict.fromkeys(history.episodes, 0)
    for said in announcers.values():
        for content, saying in said.sayings.items():
            last_said[content] = max(last_said[content], saying.pub_time)
    kept = set(sorted(last_said, key=last_said.__getitem__)[-CONTENTS_LIMIT:])
    return History(
        {content: episodes for content, episodes in history.episodes.items() if content in kept},
        {announcer: left for announcer, said in announcers.items() if (left := _without(said, kept)).sayings},
        history.latest if history.latest in announcers else b"",
        max([history.forgotten, *(time for content, time in last_said.items() if content not in kept)]),
        history.news_at,
    )


def _without(said: Said, kept: set[bytes]) -> Said:
    return Said({content: saying for content, saying in said.sayings.items() if content in kept})


def _place_of(post: Post, scope: Scope) -> bytes:
    return _key("path", _edge_of(post, scope), str(_block_number(post.blocks)), post.path_of_origin)


def _edge_of(post: Post, scope: Scope) -> str:
    """Where a Post goes on to, and in which replay: what was news for one place is not known at another."""
    destinations = ",".join(sorted(filter(None, (post.to_clusters or "").replace(" ", "").split(","))))
    replay = bytes(post.foreign[REPLAY]).decode() if REPLAY in post.foreign else ""
    source = (post.source or "") if scope.by_source else ""
    return "\0".join(("private" if post.private else "public", destinations, replay, source))


def _block_number(blocks: Mapping[str, object] | None) -> int:
    number = blocks.get("number", 0) if blocks else 0
    if isinstance(number, str):
        return int(number) if number.isdecimal() and len(number) < 20 else 0
    return int(number) if isinstance(number, int) else 0


def _says_content(post: Post) -> bool:
    return post.file_op is None and bool(post.size) and post.fingerprint is not None and post.fingerprint.says_content


def _content_of(post: Post) -> bytes:
    operation = post.operation
    if operation is not None:
        return _operation_key(operation, post)
    if post.fingerprint is not None and post.fingerprint.says_content:
        return _key("content", post.fingerprint.method, post.fingerprint.value, str(post.size))
    return _key("stat", str(post.size), post.mtime or post.pub_time, post.path_of_origin)


def _operation_key(operation: Operation, post: Post) -> bytes:
    if operation.kind in ("remove", "rmdir"):
        return _key("removal")
    if operation.kind == "mkdir":
        return _key("mkdir", post.mode or "")
    return _key(operation.kind, operation.target)


@lru_cache(maxsize=4096)
def _announcer(edge: str, source: str) -> bytes:
    return blake2b(f"{edge}\0{source}".encode("utf-8", "surrogatepass"), digest_size=ANNOUNCER_BYTES).digest()


def _key(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
