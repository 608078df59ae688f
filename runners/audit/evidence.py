"""What the audit has seen of a cluster: everything that crossed its exchanges, what its queues hold, what its folders show."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from winnowry.runners.audit.marks import Marks
from winnowry.runners.audit.subject import Subject
from winnowry.schemas.outcome import Ending

OVER = tuple(ending for ending in Ending if ending.over)
BITS = {ending.value: 1 << number for number, ending in enumerate(OVER)}
SUPERSEDED = 1 << len(OVER)
"""A refusal of an older word, which also what was announced before may meet when it comes again."""
GOOD = BITS["announced"] | BITS["delivered"]
BAD = BITS["refused"] | BITS["malformed"] | BITS["quarantined"] | BITS["failed"]


class Entered(msgspec.Struct, frozen=True, gc=False):
    """A message that entered a pump: what people call it, and its marks; None where it is no Post. ``place`` is its file's."""

    name: str
    marks: Marks | None
    place: str = ""


class Version(msgspec.Struct, frozen=True, gc=False):
    """What ought to be at a place: a ``file`` (``size`` None where unsaid), a ``link`` or a ``folder``."""

    kind: str
    size: int | None = None
    method: str = ""
    value: str = ""
    target: str = ""


class Placing(msgspec.Struct, frozen=True, gc=False):
    """A word that a version is at a place. ``report`` is the mark of the Post; ``sure`` is False for a repeat's."""

    place: str
    version: Version
    report: bytes = b""
    sure: bool = True


class Letter(msgspec.Struct, frozen=True, gc=False):
    """A dead letter: its ending, whether its reason is of the list, and what people call it."""

    ending: str
    reasoned: bool
    name: str


@dataclass
class Told:
    """The Reports on one exchange: the endings told of each Post, as bits, and how people call it."""

    endings: dict[bytes, int] = field(default_factory=dict)
    names: dict[bytes, str] = field(default_factory=dict)
    unreasoned: list[str] = field(default_factory=list)


@dataclass
class Holding:
    """What a pump holds at the moment, and what it has counted.

    ``waiting`` is how many messages are in its queues, or in it, unsettled; ``later`` are those that could be looked at in
    later queues, by identity, and ``postponed`` how many there are in all. ``silent`` is how many endings it has counted of
    those which nothing else tells.
    """

    waiting: int = 0
    postponed: int = 0
    silent: int = 0
    later: frozenset[bytes] = frozenset()
    letters: dict[bytes, Letter] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


@dataclass
class PumpEvidence:
    """What was seen of one pump.

    ``entered`` is by identity; ``onward`` names what was announced to its outputs, by mark; ``news`` are the marks of what was
    said there. ``placings`` are in the order of their being told. ``counted`` is how many silent endings it had counted when
    the audit began. ``present`` are the places that are as they ought to be, as the last decision found them, ``taken`` those
    that were, before a consumer took them away.
    """

    subject: Subject
    told: Told = field(default_factory=Told)
    entered: dict[bytes, Entered] = field(default_factory=dict)
    arrivals: int = 0
    onward: dict[bytes, str] = field(default_factory=dict)
    news: set[bytes] = field(default_factory=set)
    placings: list[Placing] = field(default_factory=list)
    holding: Holding = field(default_factory=Holding)
    counted: int = 0
    present: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()

    def reported(self, entered: Entered) -> int:
        """Return the endings that Reports tell of a message, as bits; only such as this kind of pump tells."""
        if entered.marks is None or self.subject.reports is None:
            return 0
        return self.told.endings.get(entered.marks.report, 0) & _TELLS[self.subject.kind]


_TELLS = {
    "sarra": ~BITS["delivered"],
    "subscribe": ~BITS["announced"],
    "winnow": BAD | SUPERSEDED,
    "shovel": BAD | SUPERSEDED,
}


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong: which ``kind``, of which pump or folder (``where``), of what, and how many there are of it."""

    kind: str
    where: str
    detail: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.where}: {self.kind}: {self.detail}"


SHOWN = 10
"""Names that a finding shows."""


def finding(kind: str, where: str, names: Iterable[str], what: str) -> list[Finding]:
    """Return one finding about all these names, or none where there are none.

    >>> print(finding("lost", "ingest", ["b", "a"], "no ending")[0])
    ingest: lost: no ending: 'a', 'b'
    """
    found = sorted(names)
    if not found:
        return []
    more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return [Finding(kind, where, f"{what}: {', '.join(map(repr, found[:SHOWN]))}{more}", len(found))]
