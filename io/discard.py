"""Remove what was fetched for nothing."""

from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection

from winnowry.io.files import Files
from winnowry.io.place import discard
from winnowry.io.tree import tree_at
from winnowry.schemas.outcome import Outcome


class _Discard(beam.DoFn):
    def __init__(self, files: Files) -> None:
        self.files = files

    def process(self, outcome: Outcome) -> tuple[Outcome, ...]:
        if outcome.arrival is not None:
            discard(outcome.arrival, tree_at(self.files.root))
        return (outcome,)


@dataclass(kw_only=True)
class Discard(beam.PTransform):
    """Remove the temporary files of Outcomes whose files have failed their verification.

    Delivery: nothing is lost; what cannot be removed now is swept later.
    Parallelism: one at a time.
    Ordering: kept.
    Settled when: never here.

    >>> from pathlib import Path
    >>> Discard(files=Files(root=Path("/srv/winnowry"))).files.root.name
    'winnowry'
    """

    files: Files

    def expand(self, outcomes: PCollection) -> PCollection:
        """Return the Outcomes as they are."""
        return outcomes | beam.ParDo(_Discard(self.files))
