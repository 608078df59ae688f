"""Beam's own job server for Flink, where nothing else is named."""

from pathlib import Path

from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions
from apache_beam.runners.portability.flink_runner import FlinkJarJobServer
from apache_beam.utils.subprocess_server import JavaJarServer

from winnowry.runners.flink.rest import Rest
from winnowry.schemas.errors import ConfigError

EMBEDDED_VERSION = "1.19"
"""The Flink that runs where no cluster says which it is: the one that the tests run on."""


def beam_jar(flink: str = EMBEDDED_VERSION) -> Path:
    """Return Beam's own job server for a version of Flink, downloaded from Maven Central when it is asked for the first time.

    Raises ConfigError, saying what else can be done, where it cannot be had.
    """
    url = job_server_url(flink)
    try:
        return Path(JavaJarServer.local_jar(url))
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"Beam's job server for Flink cannot be had from {url} ({error}): name it, or a folder of jars made by "
            "`make flink`, under `engine: {jars: ...}`, or a job server that runs under `engine: {job_server: host:port}`"
        ) from error


def flink_at(master: str) -> str:
    """Return the version of the Flink whose REST interface is at ``master`` (host:port). Raises as ``Rest`` does."""
    return Rest(f"http://{master}").overview().version


def job_server_url(flink: str) -> str:
    """Return where the job server of this version of Beam is, for a version of Flink.

    >>> job_server_url("1.19.1").rpartition("/")[2].startswith("beam-runners-flink-1.19-job-server-2.")
    True

    Raises ConfigError where Beam has none for it.
    """
    version = ".".join(flink.split(".")[:2])
    if version not in FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS:
        known = ", ".join(FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS)
        raise ConfigError(f"Beam has no job server for Flink {flink}, only for {known}: name one under `engine: {{jars: ...}}`")
    return str(FlinkJarJobServer(PipelineOptions([f"--flink_version={version}"]).view_as(FlinkRunnerOptions)).path_to_jar())
