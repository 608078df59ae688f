"""`sarra`: fetch what sources and feeders announce, verify it, and announce our own copy.

::

    queue ─▶ Decode ─▶ Accept ─▶ Validate ─▶ Route ─▶ Locate ─▶ sieve ─▶ Fetch ─▶ Verify ─▶ Place ─▶ gate ─▶ Encode ─▶ exchange
                │         │          │          │        │        │        │         │        │       │         │
            malformed  refused    refused    refused  refused   repeat   failed    failed   failed  repeat   announced
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
from winnowry.transforms.encode import Encode
from winnowry.transforms.locate import Locate
from winnowry.transforms.retry import retry
from winnowry.transforms.route import Route
from winnowry.transforms.validate import Validate
from winnowry.transforms.verify import Verify


def sarra(root: PCollection, pump: Pump) -> Outcomes:
    """Return the Outcomes of the Deliveries in ``root``."""
    giving_up = partial(retry, patience=pump.patience)
    arrivals, unreadable = root | Decode(inputs=pump.inputs)
    wanted, unwanted = arrivals | Accept(filters=pump.filters)
    valid, invalid = wanted | Validate(bounds=pump.bounds, cluster=pump.cluster, clock=time.time)
    routed, nowhere = valid | Route(routes=pump.routes)
    located, astray = routed | Locate(layout=pump.layout)
    news, known = located | pump.memory.sieve()
    fetched, unfetched = news | Fetch(files=pump.files, giving_up=giving_up, placed=pump.memory.placed)
    verified, corrupt = fetched | Verify(patience=pump.patience)
    discarded = corrupt | Discard(files=pump.files)
    placed, homeless = verified | Place(files=pump.files, giving_up=giving_up, intend=pump.memory.intend)
    fresh, doubled = placed | pump.memory.gate()
    announced = fresh | Encode(routes=pump.routes, base_url=pump.base_url)
    return unreadable, unwanted, invalid, nowhere, astray, known, unfetched, discarded, homeless, doubled, announced
