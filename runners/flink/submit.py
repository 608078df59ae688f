"""Hand a pump to Flink."""

import logging
from dataclasses import replace

import structlog
from apache_beam.runners.runner import PipelineResult

from winnowry.io.amqp import AmqpSettings, connect
from winnowry.io.amqp.presence import MISSING, look
from winnowry.pipelines.pump import Pump
from winnowry.runners.cluster.accounts import keepers, own_brokers
from winnowry.runners.cluster.address import account_of
from winnowry.runners.cluster.load import Cluster
from winnowry.runners.cluster.pumps import pump_of
from winnowry.runners.cluster.wiring import topology
from winnowry.runners.flink.access import Access
from winnowry.runners.flink.graph import build
from winnowry.runners.flink.job import Job
from winnowry.runners.flink.options import FlinkSettings, options

log = structlog.get_logger(__name__)


def job_of(cluster: Cluster, name: str) -> Job:
    """Return the job of the pump ``name``. Workers read the cluster's credentials file at the same path on their own hosts."""
    settings, engine = cluster.settings.pumps[name], cluster.settings.engine
    credentials = cluster.credentials_file
    ours = keepers(cluster.settings, settings)
    theirs = (settings.origin.feeder,) if settings.origin.feeder is not None else own_brokers(cluster.settings, settings)
    return Job(
        pump=pump_of(cluster, name),
        source=Access(urls=theirs, credentials=credentials),
        target=Access(urls=ours, credentials=credentials),
        topology=topology(cluster.settings, name),
        owner=account_of(ours[0]),
        readers=1 if settings.kind == "speedo" else engine.readers,  # what one has counted, another would not know
        prefetch=engine.prefetch,
    )


def submit(job: Job, settings: FlinkSettings) -> PipelineResult:
    """Declare the queues of a job and hand it to Flink; return while it starts.

    Raises Unreachable, or Terminal where a broker denies its queues.
    """
    logging.getLogger("apache_beam.options.pipeline_options").setLevel(logging.ERROR)  # it does not know the job server's own
    source, target = job.source.settings(job.name), job.target.settings(job.name)
    connect(source).declare(job.topology)
    connect(target).declare(job.kept)
    job = replace(job, pump=_reporting(job, source))
    job.pump.root.mkdir(parents=True, exist_ok=True)
    return build(job, options(settings, job.name)).run()


def _reporting(job: Job, source: AmqpSettings) -> Pump:
    """Return the pump without Reports where their exchange is missing: publishing there would close the channel."""
    pump = job.pump
    if pump.reports is not None and look(source, exchanges=[pump.reports])[pump.reports] == MISSING:
        log.warning("nobody takes Reports: the exchange is missing", pump=pump.name, exchange=pump.reports)
        return replace(pump, reports=None)
    return pump
