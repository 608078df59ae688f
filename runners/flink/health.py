"""How a pump on Flink is, for people: what Flink says of its job, and what waits on the broker."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from winnowry.io.amqp.settings import AmqpSettings
from winnowry.io.amqp.visit import visit
from winnowry.runners.cluster.load import Cluster
from winnowry.runners.cluster.wiring import wiring
from winnowry.runners.flink.checks import workerless
from winnowry.runners.flink.counts import METRICS
from winnowry.runners.flink.jobs import jobs_of, note_jobs
from winnowry.runners.flink.rates import rates
from winnowry.runners.flink.rest import Checkpoints, Job, Rest
from winnowry.schemas.errors import ConfigError, Terminal, Transient

INSTANCE = "flink"
"""Stands where pumps in processes of their own have a number."""


def health(cluster: Cluster, pump: str, rest: Rest, clock: Callable[[], float] = time.time) -> dict[str, Any]:
    """Return how a pump is, as plain values; what cannot be known is left out.

    ``error`` is there when it does not run, or Flink does not answer.
    """
    row: dict[str, Any] = {"cluster": cluster.name, "pump": pump, "instance": INSTANCE}
    try:
        jobs = jobs_of(rest, cluster.name, pump)
    except Transient as error:
        return row | {"error": error.detail}
    note_jobs(cluster.state / pump, jobs)
    queues = {"queues": waiting} if (waiting := depths(cluster, pump)) else {}
    if not jobs:
        return row | {"state": "not running", "error": f"Flink at {rest.url} knows no job of it"} | queues
    try:
        return row | _told(rest, cluster.state / pump, jobs[0], clock()) | queues
    except Transient as error:
        return row | {"error": error.detail} | queues


def depths(cluster: Cluster, pump: str) -> dict[str, int]:
    """Return how many announcements wait in each queue of a pump; none where the broker or the password is out of reach."""
    found: dict[str, int] = {}
    try:
        wires = wiring(cluster, pump)
        with visit(AmqpSettings(urls=wires.source)) as connection:
            for queue in wires.topology.queues:
                found[queue.name] = connection.channel().queue_declare(queue.name, passive=True).method.message_count
    except (ConfigError, Terminal, Transient):
        return found
    return found


def _told(rest: Rest, state: Path, job: Job, now: float) -> dict[str, Any]:
    told: dict[str, Any] = {"state": job.state.lower(), "job": job.id, "since": job.began}
    if job.over:
        told["error"] = rest.trouble(job.id) or f"its job is {job.state.lower()}"
    elif sentence := workerless(rest.vertices(job.id)):
        told |= {"state": "waiting for workers", "error": sentence}
    else:
        outcomes = rest.counts(job.id, METRICS)
        told |= {"outcomes": outcomes, "per_second": rates(state / "flink-looks.json", job.id, outcomes, now, job.began)}
    if trouble := rest.trouble(job.id):
        told["last_trouble"] = trouble
    return told | _remembered(rest.checkpoints(job.id), now)


def _remembered(checkpoints: Checkpoints | None, now: float) -> dict[str, Any]:
    if checkpoints is None:
        return {"checkpoints": {"completed": 0, "failed": 0}}
    told: dict[str, Any] = {"checkpoints": {"completed": checkpoints.completed, "failed": checkpoints.failed}}
    if (last := checkpoints.last) is not None:
        age = max(0.0, now - last.at)
        told["last_checkpoint"] = {
            "age": round(age, 1),
            "seconds": round(last.seconds, 2),
            "bytes": last.size,
            "at": last.where,
        }
    if checkpoints.restored is not None:
        told["restored_from"] = checkpoints.restored
    return told
