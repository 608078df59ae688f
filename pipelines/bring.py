"""The steps of every pump that fetches: what is news is fetched, verified and put into its place."""

from functools import partial

from apache_beam.pvalue import PCollection

from winnowry.io.discard import Discard
from winnowry.io.fetch import Fetch
from winnowry.io.place import Place
from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.transforms.retry import retry
from winnowry.transforms.verify import Verify


def bring(located: PCollection, pump: Pump) -> tuple[PCollection, Outcomes]:
    """Return the Arrivals whose files are in their places, and the Outcomes of the others."""
    giving_up = partial(retry, patience=pump.patience)
    news, known = located | pump.memory.sieve()
    fetched, unfetched = news | Fetch(files=pump.files, giving_up=giving_up, placed=pump.memory.placed)
    verified, corrupt = fetched | Verify(patience=pump.patience)
    discarded = corrupt | Discard(files=pump.files)
    place = Place(files=pump.files, giving_up=giving_up, intend=pump.memory.intend)
    placed, homeless = verified | pump.memory.gate(place)
    return placed, (known, unfetched, discarded, homeless)
