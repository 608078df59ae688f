"""`subscribe`: fetch what is announced, verify it, and put it into a consumer's folder.

::

    queue ─▶ Decode ─▶ Accept ─▶ Validate ─▶ Locate ─▶ sieve ─▶ Fetch ─▶ Verify ─▶ Place ─▶ gate ─▶ Deliver
                │         │          │          │        │        │         │        │       │         │
            malformed  refused    refused    refused   repeat   failed    failed   failed  repeat  delivered
                                                       parked   retried   retried  retried
                                                                parked
"""

import time
from functools import partial

from apache_beam.pvalue import PCollection

from winnowry.io.discard import Discard
from winnowry.io.fetch import Fetch
from winnowry.io.place import Place
from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.transforms.accept import Accept
from winnowry.transforms.decode import Decode
from winnowry.transforms.deliver import Deliver
from winnowry.transforms.locate import Locate
from winnowry.transforms.retry import retry
from winnowry.transforms.validate import Validate
from winnowry.transforms.verify import Verify


def subscribe(root: PCollection, pump: Pump) -> Outcomes:
    """Return the Outcomes of the Deliveries in ``root``."""
    giving_up = partial(retry, patience=pump.patience)
    arrivals, unreadable = root | Decode(inputs=pump.inputs)
    wanted, unwanted = arrivals | Accept(filters=pump.filters)
    valid, invalid = wanted | Validate(bounds=pump.bounds, cluster=pump.cluster, clock=time.time)
    located, astray = valid | Locate(layout=pump.layout)
    news, known = located | pump.memory.sieve()
    fetched, unfetched = news | Fetch(files=pump.files, giving_up=giving_up, placed=pump.memory.placed)
    verified, corrupt = fetched | Verify(patience=pump.patience)
    discarded = corrupt | Discard(files=pump.files)
    placed, homeless = verified | Place(files=pump.files, giving_up=giving_up, intend=pump.memory.intend)
    fresh, doubled = placed | pump.memory.gate()
    delivered = fresh | Deliver()
    return unreadable, unwanted, invalid, astray, known, unfetched, discarded, homeless, doubled, delivered
