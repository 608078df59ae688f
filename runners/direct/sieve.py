"""The memory of a pump as the `direct` engine lends it: the sieve reserves, the ending commits, so the gate is empty."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection, TaggedOutput
from msgspec.structs import replace

from winnowry.io.memory import Intent, Memory, Reservation
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.errors import Malformed
from winnowry.schemas.outcome import Ending, Outcome, end, refuse
from winnowry.schemas.reasons import Reason
from winnowry.transforms.branch import ENDED, Branches, branch, split
from winnowry.transforms.winnow import Scope, Verdict, claim_of, judge

ELSEWHERE_DELAY = 1.0
"""Seconds until an Arrival whose twin is underway in another process is looked at again."""


def sift(arrival: Arrival, memory: Memory, scope: Scope) -> Arrival | Outcome:
    """Return the Arrival with its claim reserved when it is news, or its Outcome: a repeat, superseded, or not over yet.

    The path stays reserved until the ledger commits or releases the claim, also for a repeat that changes what is remembered:
    whoever is judged next must see it.
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
    judgement = judge(memory.recall(claim.path), claim)
    claimed = replace(arrival, claim=replace(claim, episode=judgement.episode))
    if judgement.verdict is Verdict.NEWS:
        return claimed
    if judgement.verdict is Verdict.SUPERSEDED:
        return refuse(claimed, Reason.SUPERSEDED, "the same announcer has since said something newer of this path")
    return end(claimed, Ending.REPEAT, Reason.KNOWN_CONTENT)


class _Sift(beam.DoFn):
    def __init__(self, memory: "DirectMemory") -> None:
        self.handle = memory

    def start_bundle(self) -> None:
        self.memory = self.handle.open()
        self.memory.begin()

    def process(self, arrival: Arrival) -> Iterable[object]:
        result = sift(arrival, self.memory, self.handle.scope)
        return (TaggedOutput(ENDED, result),) if type(result) is Outcome else (result,)

    def finish_bundle(self) -> None:
        self.memory.end()


@dataclass(kw_only=True)
class Sieve(beam.PTransform):
    """Apply ``sift`` to Arrivals, with one read transaction a round."""

    memory: "DirectMemory"

    def expand(self, arrivals: PCollection) -> Branches:
        """Return Arrivals that are news, and the Outcomes of the others."""
        return split(arrivals, _Sift(self.memory))


def _pass(arrival: Arrival) -> Arrival:
    return arrival


class Gate(beam.PTransform):
    """Let everything through: here the sieve has reserved, and nothing else can be news."""

    def expand(self, arrivals: PCollection) -> Branches:
        """Return the Arrivals as they are, and no Outcomes."""
        return branch(arrivals, _pass)


@dataclass(frozen=True, kw_only=True)
class DirectMemory:
    """A handle on the memory of a pump, which pickles; the memory itself is process-global and opened by ``open``."""

    open: Callable[[], Memory]
    scope: Scope

    def sieve(self) -> beam.PTransform:
        """Return the sieve."""
        return Sieve(memory=self)

    def gate(self) -> beam.PTransform:
        """Return the gate."""
        return Gate()

    def winnow(self) -> beam.PTransform:
        """Return the sieve, which is both here."""
        return Sieve(memory=self)

    def placed(self, arrival: Arrival) -> bool:
        """Whether this content was renamed into place by an attempt that died before it was announced.

        The intent was recorded before the rename; that its temporary file is gone says that the rename happened, also when
        somebody has taken the file away since.
        """
        claim = arrival.claim
        intent = self.open().intent(claim.path) if claim is not None else None
        return intent is not None and claim is not None and intent.content == claim.content
        
    def intend(self, arrivals: Sequence[Arrival]) -> None:
        """Record durably that the files of these Arrivals are about to be renamed into place."""
        intents = [
            Intent(path=arrival.claim.path, content=arrival.claim.content, temporary=arrival.fetched.temporary, inode=arrival.fetched.inode)
            for arrival in arrivals
            if arrival.claim is not None and arrival.fetched is not None and arrival.fetched.temporary is not None
        ]
        self.open().intend(intents)
