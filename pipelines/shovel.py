"""`shovel`: pass announcements on from one exchange, or one broker, to another.

::

    queue ─▶ Decode ─▶ Accept ─▶ Validate ─▶ Route ─▶ Encode ─▶ exchange
                │         │          │          │        │
            malformed  refused    refused    refused  announced
"""

import time

from apache_beam.pvalue import PCollection

from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.transforms.accept import Accept
from winnowry.transforms.decode import Decode
from winnowry.transforms.encode import Encode
from winnowry.transforms.route import Route
from winnowry.transforms.validate import Validate


def shovel(root: PCollection, pump: Pump) -> Outcomes:
    """Return the Outcomes of the Deliveries in ``root``."""
    arrivals, unreadable = root | Decode(inputs=pump.inputs)
    wanted, unwanted = arrivals | Accept(filters=pump.filters)
    valid, invalid = wanted | Validate(bounds=pump.bounds, cluster=pump.cluster, clock=time.time, relays=True)
    routed, nowhere = valid | Route(routes=pump.routes)
    announced = routed | Encode(routes=pump.routes)
    return unreadable, unwanted, invalid, nowhere, announced
