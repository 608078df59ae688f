"""The pumps there are, by kind."""

from collections.abc import Callable, Mapping

from apache_beam.pvalue import PCollection

from winnowry.pipelines.post import post
from winnowry.pipelines.pump import Outcomes, Pump
from winnowry.pipelines.sarra import sarra
from winnowry.pipelines.shovel import shovel
from winnowry.pipelines.speedo import speedo
from winnowry.pipelines.subscribe import subscribe
from winnowry.pipelines.winnow import winnow

Pipeline = Callable[[PCollection, Pump], Outcomes]

PUMPS: Mapping[str, Pipeline] = {
    "post": post,
    "sarra": sarra,
    "shovel": shovel,
    "speedo": speedo,
    "subscribe": subscribe,
    "winnow": winnow,
}
