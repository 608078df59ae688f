"""`post`: announce the files of a folder of ours.

::

    folder ─▶ Examine ─▶ Accept ─▶ Encode ─▶ exchange
                 │          │         │
              failed     refused  announced
"""

import time

from apache_beam.pvalue import PCollection

from winnowry.io.examine import Examine
from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.transforms.accept import Accept
from winnowry.transforms.encode import Encode


def post(root: PCollection, pump: Pump) -> Outcomes:
    """Return the Outcomes of the paths that the Deliveries in ``root`` carry."""
    arrivals, unexamined = root | Examine(folder=pump.root, base_url=pump.base_url, clock=time.time_ns, method=pump.method)
    wanted, unwanted = arrivals | Accept(filters=pump.filters)
    announced = wanted | Encode(routes=pump.routes)
    return unexamined, unwanted, announced
