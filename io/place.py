"""Give what was fetched its name."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection
from msgspec.structs import replace

from winnowry.io.branches import late
from winnowry.io.fetch import GivingUp
from winnowry.io.files import Files
from winnowry.io.incoming import read_mode
from winnowry.io.sync import sync_files, sync_names
from winnowry.io.tree import Tree, tree_at
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.branches import Branches, split
from winnowry.schemas.errors import DiskTrouble, Refused, Terminal, Transient
from winnowry.schemas.outcome import Outcome
from winnowry.schemas.reasons import Reason


def place(arrival: Arrival, tree: Tree, giving_up: GivingUp) -> Arrival | Outcome:
    """Rename the file of an Arrival into place, or make the directory or link that it asks for."""
    try:
        _PLACERS[arrival.post.operation.kind if arrival.post.operation else "file"](arrival, tree)
    except (Transient, Terminal) as error:
        outcome = giving_up(arrival, error)
        discard(arrival, tree)
        return outcome
    return arrival


def place_for_good(arrival: Arrival, tree: Tree, giving_up: GivingUp) -> Arrival | Outcome:
    """Place one Arrival whose file the disk has to keep, and its name too."""
    if trouble := sync_files([arrival], tree).get(0):
        discard(arrival, tree)
        return giving_up(arrival, trouble)
    placed = place(arrival, tree, giving_up)
    return _keep(placed, tree, giving_up, set()) if isinstance(placed, Arrival) else placed


def _keep(arrival: Arrival, tree: Tree, giving_up: GivingUp, synced: set[str]) -> Arrival | Outcome:
    try:
        sync_names(arrival, tree, synced)
    except (Transient, Terminal) as error:
        return giving_up(arrival, error)
    return arrival


def discard(arrival: Arrival, tree: Tree) -> None:
    """Remove what was fetched for an Arrival that ends without being placed; what cannot be removed now is swept later."""
    if arrival.fetched is not None and arrival.fetched.temporary is not None:
        with suppress(Transient, Terminal):
            tree.unlink(arrival.fetched.temporary)


@dataclass(kw_only=True)
class Place(beam.PTransform):
    """Give the files of Arrivals their names, at once and whole; make directories and symbolic links.

    ``intend`` records durably, once a round and before the first rename, what is about to be renamed. It is told of a file that
    could not be renamed with an empty ``temporary``, before that file is removed: a missing one is taken to be renamed.
    With ``files.durability`` "machine" all files of a round are synced before that, and their folders after the last rename.

    Delivery: a file is under its name completely or not at all; placing it again changes nothing.
    Parallelism: one round at a time; rounds of different processes do not disturb each other.
    Ordering: as they come; of two files for one place the later stays.
    Settled when: never here.

    >>> from pathlib import Path
    >>> Place(files=Files(root=Path("/srv/winnowry")), giving_up=print, intend=print).files.root.name
    'winnowry'
    """

    files: Files
    giving_up: GivingUp
    intend: Callable[[Sequence[Arrival]], None]

    def expand(self, arrivals: PCollection) -> Branches:
        """Return the Arrivals that are in place, and the Outcomes of the others."""
        return split(arrivals, _Place(self.files, self.giving_up, self.intend))


class _Place(beam.DoFn):
    def __init__(self, files: Files, giving_up: GivingUp, intend: Callable[[Sequence[Arrival]], None]) -> None:
        self.files, self.giving_up, self.intend = files, giving_up, intend
        self.for_good = files.durability == "machine"

    def setup(self) -> None:
        self.tree = tree_at(self.files.root)

    def start_bundle(self) -> None:
        self.arrivals: list[Arrival] = []

    def process(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)

    def finish_bundle(self) -> Iterator[object]:
        if self.for_good:
            yield from map(late, self._sync())
        files = [arrival for arrival in self.arrivals if arrival.fetched is not None and arrival.fetched.temporary is not None]
        if files:
            self._intend_or_discard(files)
        results = [place(arrival, self.tree, self._give_up) for arrival in self.arrivals]
        yield from map(late, self._kept(results) if self.for_good else results)

    def _sync(self) -> Sequence[Outcome]:
        """Have the disk keep what was fetched; return the Outcomes of what it does not, which goes no further."""
        troubles = sync_files(self.arrivals, self.tree)
        lost = [self.arrivals[number] for number in troubles]
        self.arrivals = [arrival for number, arrival in enumerate(self.arrivals) if number not in troubles]
        for arrival in lost:
            discard(arrival, self.tree)
        return [self.giving_up(arrival, trouble) for arrival, trouble in zip(lost, troubles.values(), strict=True)]

    def _kept(self, results: Sequence[Arrival | Outcome]) -> Iterator[Arrival | Outcome]:
        """Have the disk keep the names of what was placed, once for each folder of the round."""
        synced: set[str] = set()
        for result in results:
            yield _keep(result, self.tree, self.giving_up, synced) if isinstance(result, Arrival) else result

    def _intend_or_discard(self, files: Sequence[Arrival]) -> None:
        """Record what is about to be renamed; where that cannot be recorded, leave nothing: all of it is fetched again."""
        try:
            self.intend(files)
        except DiskTrouble:
            for arrival in files:
                discard(arrival, self.tree)
            raise

    def _give_up(self, arrival: Arrival, error: Transient | Terminal) -> Outcome:
        if arrival.fetched is not None and arrival.fetched.temporary is not None:
            self.intend([replace(arrival, fetched=replace(arrival.fetched, temporary=""))])
        return self.giving_up(arrival, error)


def _file(arrival: Arrival, tree: Tree) -> None:
    if arrival.fetched is not None and arrival.fetched.temporary is not None:
        tree.rename(arrival.fetched.temporary, arrival.place)


def _directory(arrival: Arrival, tree: Tree) -> None:
    mode = arrival.post.mode
    tree.make_directory(arrival.place, read_mode(mode) | 0o700 if mode is not None else None)


def _link(arrival: Arrival, tree: Tree) -> None:
    operation = arrival.post.operation
    tree.link(operation.target if operation else "", arrival.place)


def _unsupported(arrival: Arrival, tree: Tree) -> None:
    raise Refused(Reason.UNSUPPORTED_OPERATION, str(arrival.post.operation))


_PLACERS: dict[str, Callable[[Arrival, Tree], None]] = {
    "file": _file,
    "mkdir": _directory,
    "link": _link,
    "rmdir": _unsupported,
    "remove": _unsupported,
    "hlink": _unsupported,
    "rename": _unsupported,
}
