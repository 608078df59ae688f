"""The two ways out of a step: an element goes on, or ends. The one noun of this room that needs Beam."""

from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection

GOING_ON = "going_on"
ENDED = "ended"
"""The tag of the second way out."""


class Branches(NamedTuple):
    """What goes on, and the Outcomes of what has ended here."""

    going_on: PCollection
    ended: PCollection


# Beam reads the annotation of ``expand``, and warns of any that does not call itself a PCollection.
Branches.__origin__ = PCollection  # type: ignore[attr-defined]


def split(elements: PCollection, dofn: beam.DoFn) -> Branches:
    """Apply a DoFn that tags Outcomes with ``ENDED``."""
    outputs = elements | beam.ParDo(dofn).with_outputs(ENDED, main=GOING_ON)
    return Branches(outputs[GOING_ON], outputs[ENDED])
