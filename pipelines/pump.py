"""What a pipeline is given: the settings of one pump, and what the engine lends it: a memory, and a way to count."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal, Protocol

import apache_beam as beam
from apache_beam.pvalue import PCollection

from winnowry.io.files import Durability, Files
from winnowry.io.place import Place
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.branches import Branches
from winnowry.schemas.edge import InputEdge, OutputEdge
from winnowry.transforms.bounds import Bounds
from winnowry.transforms.branch import branch
from winnowry.transforms.filters import Filters
from winnowry.transforms.layout import Layout
from winnowry.transforms.meter import Meter
from winnowry.transforms.patience import Patience
from winnowry.transforms.route import Routes

Outcomes = tuple[PCollection, ...]
"""The ending branches of a pipeline. The engine attaches its own ending to each; none may be left out."""


class Memory(Protocol):
    """What a pump knows of the past, as places in its pipeline; each engine expands them differently.

    The transforms take Arrivals and return ``Branches``: Arrivals that are news (their claim set), and Outcomes.
    """

    def sieve(self) -> beam.PTransform:
        """Stop repeats before anything is fetched."""

    def gate(self, place: Place) -> beam.PTransform:
        """Apply ``place``; on engines whose sieve is a best effort, stop repeats first, one path after another."""

    def winnow(self) -> beam.PTransform:
        """Sieve and gate in one place, for pumps that fetch nothing in between."""

    def placed(self, arrival: Arrival) -> bool:
        """Whether this very content already reached its name, in an attempt that died before it was announced."""

    def intend(self, arrivals: Sequence[Arrival]) -> None:
        """Record durably that the files of these Arrivals are about to be renamed into place."""


def _pass(arrival: Arrival) -> Arrival:
    return arrival


class Pass(beam.PTransform):
    """Let every Arrival through."""

    def expand(self, arrivals: PCollection) -> Branches:
        """Return the Arrivals as they are, and no Outcomes."""
        return branch(arrivals, _pass)


class Forgetful:
    """The memory of a pump that has none: everything is news."""

    def sieve(self) -> beam.PTransform:
        """Let everything through."""
        return Pass()

    def gate(self, place: Place) -> beam.PTransform:
        """Place everything."""
        return place

    def winnow(self) -> beam.PTransform:
        """Let everything through."""
        return Pass()

    def placed(self, arrival: Arrival) -> bool:
        """Know of nothing."""
        return False

    def intend(self, arrivals: Sequence[Arrival]) -> None:
        """Record nothing."""


class Counting(Protocol):
    """How a pump counts, as a place in its pipeline; each engine expands it differently."""

    def meter(self) -> beam.PTransform:
        """Count Arrivals in the windows of the pump; takes Arrivals and returns their Outcomes."""


class CountedAtTheEnd:
    """The counting of an engine whose ending counts: the pipeline only ends what is to be counted."""

    def meter(self) -> beam.PTransform:
        """End every Arrival as delivered."""
        return Meter()


@dataclass(frozen=True, kw_only=True)
class Pump:
    """One pump of a cluster. Fields that a kind of pump does not use keep their defaults.

    ``account`` runs the pump and names its queues. ``root`` is the data root; nothing is ever written outside it.
    ``owns_root`` says that no other pump writes there, so that what a dead process left half fetched may be swept away.
    ``state`` is the folder of this pump's memory, shared by its instances. ``reports`` is the exchange its Reports go to,
    None for none. ``method`` is the checksum that `post` announces. ``same`` says what a repeat is: the same content at the
    same path, or the same content anywhere. ``queue`` is the kind of its queues, later ones and dead letters included.
    ``window`` is the time over which a `speedo` adds up. ``durability`` says whose death the files outlive.
    """

    name: str
    kind: str
    cluster: str
    account: str
    inputs: tuple[InputEdge, ...] = ()
    public: OutputEdge | None = None
    private: OutputEdge | None = None
    reaches: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    bounds: Bounds = field(default_factory=Bounds)
    layout: Layout = field(default_factory=Layout)
    patience: Patience = field(default_factory=Patience)
    base_url: str = ""
    root: Path = Path()
    state: Path = Path()
    remember: timedelta = timedelta(days=3)
    same: Literal["path", "data"] = "path"
    owns_root: bool = True
    reports: str | None = None
    keep_free: int | None = None
    instances: int = 1
    queue: Literal["classic", "quorum"] = "classic"
    method: str = "sha512"
    durability: Durability = "process"
    window: timedelta = timedelta(seconds=10)
    memory: Memory = field(default_factory=Forgetful)
    counting: Counting = field(default_factory=CountedAtTheEnd)

    @property
    def files(self) -> Files:
        """How this pump comes by files, and where it puts them."""
        roots = tuple(Path(root) for root in self.bounds.file_roots)
        return Files(
            root=self.root,
            file_roots=roots,
            method=self.method,
            max_file=self.bounds.max_file,
            durability=self.durability,
        )

    @property
    def routes(self) -> Routes:
        """The ways out of this pump. Raises ConfigError where it has none."""
        return Routes(public=self.public, private=self.private, reaches=self.reaches)
