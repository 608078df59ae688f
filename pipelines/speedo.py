"""`speedo`: count what crosses exchanges, and tell how much it was, window by window.

::

    queue ─▶ Decode ─▶ Accept ─▶ Meter
                │         │        │
            malformed  refused  delivered
"""

from apache_beam.pvalue import PCollection

from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.transforms.accept import Accept
from winnowry.transforms.decode import Decode


def speedo(root: PCollection, pump: Pump) -> Outcomes:
    """Return the Outcomes of the Deliveries in ``root``; Posts and Reports are counted alike."""
    arrivals, unreadable = root | Decode(inputs=pump.inputs, reports=True)
    wanted, unwanted = arrivals | Accept(filters=pump.filters)
    counted = wanted | "Meter" >> pump.counting.meter()
    return unreadable, unwanted, counted
