"""From a cluster file to Pumps. The only module of this package that imports Beam."""

import socket

from winnowry.pipelines.pump import Pump
from winnowry.runners.cluster.accounts import account, reports
from winnowry.runners.cluster.kinds import FETCHING
from winnowry.runners.cluster.layouts import layout_of
from winnowry.runners.cluster.load import Cluster
from winnowry.runners.cluster.settings import ClusterSettings, PumpSettings
from winnowry.runners.cluster.wiring import inputs, output
from winnowry.transforms.bounds import Bounds
from winnowry.transforms.filters import Filters
from winnowry.transforms.patience import Patience


def pumps_of(cluster: Cluster) -> list[Pump]:
    """Return the Pumps of a cluster, in the order of the file."""
    return [pump_of(cluster, name) for name in cluster.settings.pumps]


def pump_of(cluster: Cluster, name: str) -> Pump:
    """Return the Pump ``name``. Raises KeyError where there is none."""
    settings = cluster.settings
    pump = settings.pumps[name]
    return Pump(
        name=name,
        kind=pump.kind,
        cluster=settings.cluster,
        account=account(settings, pump),
        inputs=inputs(settings, name),
        public=output(settings, pump.to.public),
        private=output(settings, pump.to.private),
        reaches=settings.reaches or (settings.cluster,),
        filters=Filters(accept=pump.accept, reject=pump.reject),
        bounds=_bounds(settings, pump),
        layout=layout_of(pump),
        patience=Patience(attempts=pump.attempts, delays=tuple(delay.total_seconds() for delay in pump.delays)),
        base_url=pump.base_url.format(host=socket.getfqdn()),
        root=cluster.data,
        owns_root=sum(other.kind in FETCHING for other in settings.pumps.values()) == 1,
        state=cluster.state / name,
        remember=pump.remember,
        same=pump.same,
        reports=reports(settings, pump),
        keep_free=settings.keep_free,
        instances=pump.instances,
        queue=pump.queue,
        durability=pump.durability,
        window=pump.window,
    )


def _bounds(cluster: ClusterSettings, pump: PumpSettings) -> Bounds:
    quotas = [cluster.users[user].max_file for user in pump.origin.sources]
    limits = [limit for limit in (pump.max_file, *quotas) if limit is not None]
    return Bounds(
        max_file=min(limits, default=None),
        max_age=pump.max_age,
        max_future=pump.max_future,
        schemes=frozenset(pump.schemes),
        file_roots=pump.file_roots,
    )
