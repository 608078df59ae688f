"""What a step that waits on the world emits when its round ends."""

from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.branches import ENDED
from winnowry.schemas.outcome import Outcome

_WINDOWS = (GlobalWindow(),)


def late(result: Arrival | Outcome) -> WindowedValue | TaggedOutput:
    """Return ``result`` as ``finish_bundle`` emits it: an Outcome takes the second way out."""
    value = WindowedValue(result, MIN_TIMESTAMP, _WINDOWS)
    return TaggedOutput(ENDED, value) if type(result) is Outcome else value
