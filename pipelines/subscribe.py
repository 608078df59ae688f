"""`subscribe`: fetch what is announced, verify it, and put it into a consumer's folder.

::

    queue ─▶ Decode ─▶ Accept ─▶ Validate ─▶ Locate ─▶ sieve ─▶ Fetch ─▶ Verify ─▶ Place ─▶ Deliver
                │         │          │          │        │        │         │        │         │
            malformed  refused    refused    refused   repeat   failed    failed   failed  delivered
                                                       parked   retried   retried  retried
                                                                parked             repeat
"""

from apache_beam.pvalue import PCollection

from winnowry.pipelines.admit import admit
from winnowry.pipelines.bring import bring
from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.transforms.deliver import Deliver
from winnowry.transforms.locate import Locate


def subscribe(root: PCollection, pump: Pump) -> Outcomes:
    """Return the Outcomes of the Deliveries in ``root``."""
    valid, turned_away = admit(root, pump)
    located, astray = valid | Locate(layout=pump.layout)
    placed, stopped = bring(located, pump)
    delivered = placed | Deliver()
    return *turned_away, astray, *stopped, delivered
