"""The two ways out of a step that waits on the world."""

from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.outcome import Outcome

ENDED = "ended"
_GOING_ON = "going_on"
_WINDOWS = (GlobalWindow(),)


class Branches(NamedTuple):
    """What goes on, and the Outcomes of what has ended here."""

    going_on: PCollection
    ended: PCollection


# Beam reads the annotation of ``expand``, and warns of any that does not call itself a PCollection.
Branches.__origin__ = PCollection  # type: ignore[attr-defined]


def split(arrivals: PCollection, dofn: beam.DoFn) -> Branches:
    """Apply a DoFn whose ``finish_bundle`` emits what ``late`` makes."""
    outputs = arrivals | beam.ParDo(dofn).with_outputs(ENDED, main=_GOING_ON)
    return Branches(outputs[_GOING_ON], outputs[ENDED])


def late(result: Arrival | Outcome) -> WindowedValue | TaggedOutput:
    """Return ``result`` as ``finish_bundle`` emits it: an Outcome takes the second way out."""
    value = WindowedValue(result, MIN_TIMESTAMP, _WINDOWS)
    return TaggedOutput(ENDED, value) if type(result) is Outcome else value
