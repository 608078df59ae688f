"""The settings that decide whether a pump works on Flink at all; each was found by running it without (`docs/flink.md`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

MIN_PAUSE_SECONDS = 0.5
"""Seconds between the end of a checkpoint and the beginning of the next. The acknowledgements rely on it (`marks.py`)."""


@dataclass(frozen=True, kw_only=True)
class FlinkSettings:
    """How a pump runs on Flink. ``job_server`` and ``workers`` are host:port of Beam's job server and of the worker pools.

    ``parallelism`` is how many subtasks share the shards of its memory, ``checkpoint_seconds`` the pause between two
    checkpoints, ``savepoint`` the folder of the savepoint or checkpoint to begin from.
    """

    job_server: str
    workers: str
    parallelism: int = 1
    checkpoint_seconds: float = 2.0
    savepoint: Path | str | None = None


def options(settings: FlinkSettings, job_name: str) -> PipelineOptions:
    """Return Beam's options for a job."""
    chosen: dict[str, Any] = {
        "job_name": job_name,
        "job_endpoint": settings.job_server,
        "environment_type": "EXTERNAL",
        "environment_config": settings.workers,
        # Without it Flink runs what has an end, and sources wait for theirs.
        "streaming": True,
        "parallelism": settings.parallelism,
        # State is sharded for this many subtasks at most; another number could not read the savepoints.
        "max_parallelism": 256,
        "checkpointing_interval": int(settings.checkpoint_seconds * 1000),
        # Without it a bundle that is open holds the checkpoint, and the checkpoint the bundle: nothing ever flows.
        "finish_bundle_before_checkpointing": True,
        # One snapshot after another, with a pause: a mark made after a snapshot has completed belongs to a later one.
        "num_concurrent_checkpoints": 1,
        "min_pause_between_checkpoints": int(MIN_PAUSE_SECONDS * 1000),
        # A checkpoint that fails or takes longer makes the job begin again from the last one: Flink's default, and Beam can
        # only ask for the opposite, where a job goes on for ever though no checkpoint succeeds and nothing is acknowledged.
        "checkpoint_timeout_millis": 60_000,
        # What a job that was killed can be restored from.
        "externalized_checkpoints_enabled": True,
        "retain_externalized_checkpoints_on_cancellation": True,
        # A bundle of the gate: many shards, or a confirm would be awaited for each.
        "max_bundle_size": 1000,
        "max_bundle_time_mills": 100,
        # Start again from the last checkpoint, for as long as it takes.
        "number_of_execution_retries": 1_000_000,
        "execution_retry_delay": 2000,
    }
    if settings.savepoint is not None:
        chosen["savepoint_path"] = str(settings.savepoint)
    return PipelineOptions.from_dictionary(chosen)
