"""`shovel`: pass announcements on from one exchange, or one broker, to another.

::

    queue ─▶ Decode ─▶ Accept ─▶ Validate ─▶ Route ─▶ Encode ─▶ exchange
                │         │          │          │        │
            malformed  refused    refused    refused  announced
"""

from apache_beam.pvalue import PCollection

from winnowry.pipelines.admit import admit
from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.transforms.encode import Encode
from winnowry.transforms.route import Route


def shovel(root: PCollection, pump: Pump) -> Outcomes:
    """Return the Outcomes of the Deliveries in ``root``."""
    valid, turned_away = admit(root, pump, relays=True)
    routed, nowhere = valid | Route(routes=pump.routes)
    announced = routed | Encode(routes=pump.routes)
    return *turned_away, nowhere, announced
