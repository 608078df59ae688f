"""The first steps of every pump that reads a queue: read the message, select, validate."""

import time

from apache_beam.pvalue import PCollection

from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.transforms.accept import Accept
from winnowry.transforms.decode import Decode
from winnowry.transforms.validate import Validate


def admit(root: PCollection, pump: Pump, *, relays: bool = False) -> tuple[PCollection, Outcomes]:
    """Return the Arrivals that a pump may act upon, and the Outcomes of the Deliveries in ``root`` that it turns away.

    ``relays`` says that it acts upon no file: any operation and any block may pass.
    """
    arrivals, unreadable = root | Decode(inputs=pump.inputs)
    wanted, unwanted = arrivals | Accept(filters=pump.filters)
    valid, invalid = wanted | Validate(bounds=pump.bounds, cluster=pump.cluster, clock=time.time, relays=relays)
    return valid, (unreadable, unwanted, invalid)
