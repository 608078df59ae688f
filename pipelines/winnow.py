"""`winnow`: announce the first of several equivalent Posts, and stop the rest.

::

    queue ─▶ Decode ─▶ Accept ─▶ Validate ─▶ Route ─▶ winnow ─▶ Encode ─▶ exchange
                │         │          │          │        │         │
            malformed  refused    refused    refused   repeat  announced
                                                       parked
"""

import time

from apache_beam.pvalue import PCollection

from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.transforms.accept import Accept
from winnowry.transforms.decode import Decode
from winnowry.transforms.encode import Encode
from winnowry.transforms.route import Route
from winnowry.transforms.validate import Validate


def winnow(root: PCollection, pump: Pump) -> Outcomes:
    """Return the Outcomes of the Deliveries in ``root``."""
    arrivals, unreadable = root | Decode(inputs=pump.inputs)
    wanted, unwanted = arrivals | Accept(filters=pump.filters)
    valid, invalid = wanted | Validate(bounds=pump.bounds, cluster=pump.cluster, clock=time.time, relays=True)
    routed, nowhere = valid | Route(routes=pump.routes)
    news, known = routed | pump.memory.winnow()
    announced = news | Encode(routes=pump.routes)
    return unreadable, unwanted, invalid, nowhere, known, announced
