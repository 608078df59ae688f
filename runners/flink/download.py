"""Beam's own job server for Flink, where nothing else is named."""

from pathlib import Path

from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions
from apache_beam.runners.portability.flink_runner import FlinkJarJobServer
from apache_beam.utils.subprocess_server import JavaJarServer

from winnowry.schemas.errors import ConfigError


def beam_jar() -> Path:
    """Return the job server of this version of Beam, downloaded from Maven Central when it is asked for the first time.

    Raises ConfigError, saying what else can be done, where it cannot be had.
    """
    options = PipelineOptions().view_as(FlinkRunnerOptions)
    url = FlinkJarJobServer(options).path_to_jar()
    try:
        return Path(JavaJarServer.local_jar(url))
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"Beam's job server for Flink cannot be had from {url} ({error}): name it, or a folder of jars made by "
            "`make flink`, under `engine: {jars: ...}`, or a job server that runs under `engine: {job_server: host:port}`"
        ) from error
