"""`sarra`: fetch what sources and feeders announce, verify it, and announce our own copy.

::

    queue ─▶ Decode ─▶ Accept ─▶ Validate ─▶ Route ─▶ Locate ─▶ Fit ─▶ sieve ─▶ Fetch ─▶ Verify ─▶ Place ─▶ Encode ─▶ exchange
                │         │          │          │        │       │       │        │         │        │        │
            malformed  refused    refused    refused  refused malformed repeat  failed    failed   failed  announced
                                                                        parked  retried   retried  retried
                                                                                parked             repeat
"""

from apache_beam.pvalue import PCollection

from winnowry.pipelines.admit import admit
from winnowry.pipelines.bring import bring
from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.transforms.encode import Encode
from winnowry.transforms.fit import Fit
from winnowry.transforms.locate import Locate
from winnowry.transforms.route import Route


def sarra(root: PCollection, pump: Pump) -> Outcomes:
    """Return the Outcomes of the Deliveries in ``root``."""
    valid, turned_away = admit(root, pump)
    routed, nowhere = valid | Route(routes=pump.routes)
    located, astray = routed | Locate(layout=pump.layout)
    fitting, unfit = located | Fit(routes=pump.routes, base_url=pump.base_url)
    placed, stopped = bring(fitting, pump)
    announced = placed | Encode(routes=pump.routes, base_url=pump.base_url)
    return *turned_away, nowhere, astray, unfit, *stopped, announced
