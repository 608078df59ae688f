"""`winnow`: announce the first of several equivalent Posts, and stop the rest.

::

    queue ─▶ Decode ─▶ Accept ─▶ Validate ─▶ Route ─▶ Fit ─▶ winnow ─▶ Encode ─▶ exchange
                │         │          │          │      │        │         │
            malformed  refused    refused    refused malformed repeat announced
                                                               parked
"""

from apache_beam.pvalue import PCollection

from winnowry.pipelines.admit import admit
from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.transforms.encode import Encode
from winnowry.transforms.fit import Fit
from winnowry.transforms.route import Route


def winnow(root: PCollection, pump: Pump) -> Outcomes:
    """Return the Outcomes of the Deliveries in ``root``."""
    valid, turned_away = admit(root, pump, relays=True)
    routed, nowhere = valid | Route(routes=pump.routes)
    fitting, unfit = routed | Fit(routes=pump.routes)
    news, known = fitting | pump.memory.winnow()
    announced = news | Encode(routes=pump.routes, winnow=f"{pump.cluster}/{pump.name}")
    return *turned_away, nowhere, unfit, known, announced
