"""The memory of a pump as the `direct` engine lends it: the sieve reserves, the ending commits, so the gate is empty."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection, TaggedOutput
from msgspec.structs import replace

from winnowry.io.memory import Intent, Memory, Reservation
from winnowry.io.place import Place
from winnowry.io.tree import tree_at
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.branches import ENDED, Branches, split
from winnowry.schemas.errors import Malformed
from winnowry.schemas.outcome import Ending, Outcome, end, refuse
from winnowry.schemas.reasons import Reason
from winnowry.transforms.winnow import Scope, Verdict, claim_of, departure_of, judge

ELSEWHERE_DELAY = 1.0
"""Seconds until an Arrival whose twin is underway in another process is looked at again."""


def sift(arrival: Arrival, memory: Memory, scope: Scope, now: int = 0) -> Arrival | Outcome:
    """Return the Arrival with its claim reserved when it is news, or its Outcome: a repeat, superseded, or not over yet.

    The path stays reserved until the ledger commits or releases the claim, also for a repeat that changes what is remembered:
    whoever is judged next must see it. What changes nothing lets go at once. ``now`` (Unix nanoseconds) dates what a winnow
    lets through; on one path the dates grow, whatever the clock does and whichever instance says them.
    """
    try:
        claim = claim_of(arrival, scope=scope)
    except Malformed as error:
        return end(arrival, Ending.MALFORMED, error.reason, error.detail)
    hold = arrival.delivery.hold
    reservation = memory.reserve(claim.path, hold)
    if reservation is Reservation.TAKEN_HERE:
        return end(arrival, Ending.PARKED, Reason.TWIN_UNDERWAY)
    if reservation is Reservation.TAKEN_ELSEWHERE:
        return replace(end(arrival, Ending.RETRIED, Reason.TWIN_ELSEWHERE), delay=ELSEWHERE_DELAY)
    history = memory.recall(claim.path)
    judgement = judge(history, claim)
    if not judgement.changes:
        memory.forgo(claim.path)
    elif judgement.verdict is not Verdict.SUPERSEDED:
        departure = departure_of(arrival, scope=scope) if arrival.post.file_op is not None else None
        news_at = max(now, history.news_at + 1) if now and history is not None else now
        arrival = replace(arrival, claim=replace(claim, episode=judgement.episode, departure=departure, news_at=news_at))
    return _DECIDE[judgement.verdict](arrival)


def _superseded(arrival: Arrival) -> Outcome:
    return refuse(arrival, Reason.SUPERSEDED, "the same announcer has since said something newer of this path")


def _repeat(arrival: Arrival) -> Outcome:
    return end(arrival, Ending.REPEAT, Reason.KNOWN_CONTENT)


def _news(arrival: Arrival) -> Arrival:
    return arrival


_DECIDE: Mapping[Verdict, Callable[[Arrival], Arrival | Outcome]] = {
    Verdict.NEWS: _news,
    Verdict.REPEAT: _repeat,
    Verdict.SUPERSEDED: _superseded,
}


class _Sift(beam.DoFn):
    """Dates what it lets through by the beginning of the round: headers that are equal are written and read once."""

    def __init__(self, memory: "DirectMemory", dated: bool) -> None:
        self.handle, self.dated = memory, dated

    def start_bundle(self) -> None:
        self.memory = self.handle.open()
        self.now = self.memory.now_ns() if self.dated else 0

    def process(self, arrival: Arrival) -> Iterable[Any]:
        result = sift(arrival, self.memory, self.handle.scope, self.now)
        return (TaggedOutput(ENDED, result),) if isinstance(result, Outcome) else (result,)


@dataclass(kw_only=True)
class Sieve(beam.PTransform):
    """Apply ``sift`` to Arrivals, with one read transaction a round."""

    memory: "DirectMemory"
    dated: bool = False

    def expand(self, arrivals: PCollection) -> Branches:
        """Return Arrivals that are news, and the Outcomes of the others; ``dated`` ones say when they were let through."""
        return split(arrivals, _Sift(self.memory, self.dated))


@dataclass(frozen=True, kw_only=True)
class DirectMemory:
    """A handle on the memory of a pump, which pickles; the memory itself is process-global, one for each folder."""

    folder: Path
    remember: timedelta
    shared: bool
    scope: Scope
    root: Path = Path()

    def open(self) -> Memory:
        """Return the memory, opened at the first call in this process, by whichever thread."""
        with _OPENING:
            if self.folder not in _MEMORIES:
                _MEMORIES[self.folder] = Memory(self.folder, remember=self.remember, shared=self.shared)
            return _MEMORIES[self.folder]

    def sieve(self) -> beam.PTransform:
        """Return the sieve."""
        return Sieve(memory=self)

    def gate(self, place: Place) -> beam.PTransform:
        """Place everything: here the sieve has reserved, and nothing else can be news."""
        return place

    def winnow(self) -> beam.PTransform:
        """Return the sieve, which is both here."""
        return Sieve(memory=self, dated=True)

    def placed(self, arrival: Arrival) -> bool:
        """Whether this content was renamed into place by an attempt that died before it was announced.

        Its intent was recorded before the rename: that the temporary file is gone says that the rename happened, also when a
        consumer has taken the file away since, or another is in its place. Nothing else removes a temporary while its intent
        stands: a sweep spares it, and an intent is taken back (an empty ``temporary``) before its file is removed, as is done
        here with what was not renamed and is fetched again.
        """
        claim = arrival.claim
        intent = self.open().intent(claim.path) if claim is not None else None
        if intent is None or claim is None or intent.content != claim.content or not intent.temporary:
            return False
        if tree_at(self.root).stat(intent.temporary) is None:
            return True
        self.open().intend([(claim.path, replace(intent, temporary=""))])  # before its file goes: gone means renamed
        tree_at(self.root).unlink(intent.temporary)
        return False

    def intend(self, arrivals: Sequence[Arrival]) -> None:
        """Record durably that the files of these Arrivals are about to be renamed into place."""
        self.open().intend(_intents(arrivals))


def _intents(arrivals: Iterable[Arrival]) -> Iterator[tuple[bytes, Intent]]:
    for arrival in arrivals:
        claim, fetched = arrival.claim, arrival.fetched
        if claim is not None and fetched is not None and fetched.temporary is not None:
            yield claim.path, Intent(content=claim.content, temporary=fetched.temporary, inode=fetched.inode)


_MEMORIES: dict[Path, Memory] = {}
_OPENING = Lock()


def close_memories() -> None:
    """Close all memories of this process; one that is asked for again is opened again."""
    with _OPENING:
        memories = list(_MEMORIES.values())
        _MEMORIES.clear()
    for memory in memories:
        memory.close()
