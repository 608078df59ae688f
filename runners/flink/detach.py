"""Hand pumps to a Flink cluster and leave them there: the job server that it takes is gone afterwards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from winnowry.io.amqp import hang_up
from winnowry.runners.cluster.load import Cluster
from winnowry.runners.flink.checks import check_engine, too_old, version_of
from winnowry.runners.flink.download import beam_jar, flink_at
from winnowry.runners.flink.operate import Submit
from winnowry.runners.flink.options import FlinkSettings
from winnowry.runners.flink.submit import job_of, submit
from winnowry.runners.servers.flink import JobServer
from winnowry.schemas.errors import ConfigError


@contextmanager
def detached(cluster: Cluster, master: str, warn: Callable[[str], object]) -> Iterator[Submit]:
    """Yield what hands pumps to the Flink whose REST interface is at ``master`` (host:port), for as long as it is needed.

    ``warn`` is told what is unwise. Raises ConfigError where nothing says at which address TaskManagers find their workers.
    """
    engine = cluster.settings.engine
    if engine.workers is None:
        raise ConfigError(
            "engine.workers: say at which HOST:PORT each TaskManager finds its worker pool (`winnowry flink workers`)"
        )
    check_engine(engine)
    workers, seconds = engine.workers, engine.checkpoints.total_seconds()
    with ExitStack() as stack:
        stack.callback(hang_up)
        server = engine.job_server or _job_server(cluster, master, stack, warn)

        def hand_over(pump: str, origin: str | None) -> object:
            settings = FlinkSettings(
                job_server=server,
                workers=workers,
                parallelism=engine.parallelism,
                checkpoint_seconds=seconds,
                savepoint=origin,
            )
            return submit(job_of(cluster, pump), settings)

        yield hand_over


def _job_server(cluster: Cluster, master: str, stack: ExitStack, warn: Callable[[str], object]) -> str:
    jars = cluster.settings.engine.jars or beam_jar(flink_at(master))
    if (sentence := too_old(version_of(jars))) is not None:
        warn(sentence)
    return stack.enter_context(JobServer(cluster.state / "flink", jars, master)).address
