"""The gate: what a pump remembers, as Beam's keyed state, decides here what is news.

::

    Arrivals ─▶ Sort (lists, by shard) ─▶ Judge (one shard after another, its state beside it) ─▶ Arrivals that are news

State and announcements belong to one bundle: where its confirms fail, the bundle fails, and both roll back to the last
checkpoint. So the state holds what has been announced and nothing else, and nothing is ever reserved. Whatever can fail for
good comes before the gate, or inside it: a file is given its name by the very step that decides, one path after another, since
two readers may bring the same path at once.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue
from msgspec.structs import replace

from winnowry.io.place import Place, discard, place, place_for_good
from winnowry.io.tree import tree_at
from winnowry.runners.flink.parcels import Parcel, pack, unpack
from winnowry.runners.flink.shard import Shard, shard_of
from winnowry.runners.flink.shards import shards_of
from winnowry.schemas.arrival import Arrival, Claim
from winnowry.schemas.branches import ENDED, GOING_ON, Branches
from winnowry.schemas.errors import Malformed
from winnowry.schemas.outcome import Ending, Outcome, end, refuse
from winnowry.schemas.reasons import Reason
from winnowry.transforms.branch import lift_guard
from winnowry.transforms.winnow import Scope, Verdict, claim_of, departure_of, judge, note, remember

NANOSECONDS = 1_000_000_000

AGAIN_SECONDS = 1.0
"""Seconds until what was not fetched, since it was taken for a repeat, is tried again: meanwhile the truth is in memory."""


@dataclass(kw_only=True)
class Gate(beam.PTransform):
    """Let through what is news and end what is not. ``place`` gives the files of what is news their names, in the same step.

    ``dated`` says that what is let through bears when it was. ``remember`` is in whole days.
    """

    pump: str
    scope: Scope
    remember: int
    place: Place | None = None
    dated: bool = False

    def expand(self, arrivals: PCollection) -> Branches:
        """Return the Arrivals that are news, in place, and the Outcomes of the others."""
        lift_guard()
        shards = arrivals | "Sort" >> beam.ParDo(_Sort(self.scope)).with_output_types(tuple[int, bytes])
        judged = shards | "Judge" >> beam.ParDo(_Judge(self)).with_outputs(ENDED, main=GOING_ON)
        return Branches(judged[GOING_ON], judged[ENDED])


class _Sort(beam.DoFn):
    """Collects the Arrivals of a bundle by shard: one element a shard, since an element costs more than what is in it."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def start_bundle(self) -> None:
        self.shards: dict[int, list[Parcel]] = {}

    def process(self, arrival: Arrival) -> None:
        try:
            claim = claim_of(arrival, scope=self.scope)
            departure = departure_of(arrival, scope=self.scope) if arrival.post.file_op is not None else None
        except Malformed:
            self.shards.setdefault(0, []).append(Parcel.of(arrival))  # the gate ends it, as it ends all others
            return
        self._put(claim.path, Parcel.of(arrival, claim))
        if departure is not None:
            self._put(departure.path, Parcel(claim=departure))

    def _put(self, path: bytes, parcel: Parcel) -> None:
        self.shards.setdefault(shard_of(path), []).append(parcel)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        now = Timestamp.now()
        for shard, parcels in self.shards.items():
            yield WindowedValue((shard, pack(parcels)), now, (GlobalWindow(),))


class _Judge(beam.DoFn):
    """Judges the Arrivals of one shard in the order in which they came.

    ``tail`` is a random name for the state as it now is: a shard that this process still has in memory is the right one if it
    bears that name, and else belongs to a past that was rolled back.
    """

    CHANGES = BagStateSpec("changes", BytesCoder())
    TAIL = ReadModifyWriteStateSpec("tail", BytesCoder())

    def __init__(self, gate: Gate) -> None:
        self.pump, self.scope, self.remember, self.dated = gate.pump, gate.scope, gate.remember, gate.dated
        self.files = gate.place.files if gate.place is not None else None
        self.giving_up = gate.place.giving_up if gate.place is not None else None
        self.for_good = self.files is not None and self.files.durability == "machine"

    def setup(self) -> None:
        self.shards = shards_of(self.pump)
        self.tree = tree_at(self.files.root) if self.files is not None else None

    def process(
        self,
        element: tuple[int, bytes],
        changes: Any = beam.DoFn.StateParam(CHANGES),  # noqa: B008 - this is how Beam is told
        tail: Any = beam.DoFn.StateParam(TAIL),  # noqa: B008
    ) -> Iterator[Any]:
        number, packed = element
        shard = self.shards.take(number, tail.read() or b"")
        if shard is None:
            shard = Shard(changes.read(), days=self.remember)
        now = time.time()
        results = [self._decide(parcel, shard, now) for parcel in unpack(packed)]
        self.shards.put(number, self._write(shard, changes, tail, now), shard)
        for result in results:
            if result is not None:
                yield TaggedOutput(ENDED, result) if type(result) is Outcome else result

    def _write(self, shard: Shard, changes: Any, tail: Any, now: float) -> bytes:
        anew, blob = shard.changes(now)
        name: bytes = os.urandom(8)
        if anew:
            changes.clear()
        if blob:
            changes.add(blob)
        tail.write(name)
        return name

    def _decide(self, parcel: Parcel, shard: Shard, now: float) -> Arrival | Outcome | None:
        arrival = parcel.unwrap()
        if arrival is None:
            self._depart(parcel.claim, shard, now)
            return None
        if parcel.claim is None:
            return _malformed(arrival, self.scope)
        history = shard.read(parcel.claim.path)
        judgement = judge(history, parcel.claim)
        claim = replace(parcel.claim, episode=judgement.episode, news_at=self._date(now, history.news_at if history else 0))
        if judgement.verdict is Verdict.NEWS:
            result = self._place(replace(arrival, claim=claim))
            if isinstance(result, Arrival):
                shard.write(claim.path, remember(history, claim, news=True), now)
            return result
        self._discard(arrival)
        if judgement.verdict is Verdict.SUPERSEDED:
            return refuse(arrival, Reason.SUPERSEDED, "the same announcer has since said something newer of this path")
        if judgement.changes:
            shard.write(claim.path, remember(history, claim, news=False), now)
        return end(arrival, Ending.REPEAT, Reason.KNOWN_CONTENT)

    def _depart(self, claim: Claim | None, shard: Shard, now: float) -> None:
        noted = note(shard.read(claim.path), claim) if claim is not None else None
        if claim is not None and noted is not None:
            shard.write(claim.path, noted, now)

    def _date(self, now: float, before: int) -> int:
        return max(int(now * NANOSECONDS), before + 1) if self.dated else 0

    def _place(self, arrival: Arrival) -> Arrival | Outcome:
        if self.tree is None or self.giving_up is None:
            return arrival
        if arrival.fetched is not None and arrival.fetched.temporary is None:
            return replace(end(arrival, Ending.RETRIED, Reason.TWIN_UNDERWAY, "taken for a repeat"), delay=AGAIN_SECONDS)
        return (place_for_good if self.for_good else place)(arrival, self.tree, self.giving_up)

    def _discard(self, arrival: Arrival) -> None:
        if self.tree is not None:
            discard(arrival, self.tree)


def _malformed(arrival: Arrival, scope: Scope) -> Outcome:
    try:
        claim_of(arrival, scope=scope)
    except Malformed as error:
        return end(arrival, Ending.MALFORMED, error.reason, error.detail)
    raise AssertionError("what claims nothing claims something")
