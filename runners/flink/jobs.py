"""Which of Flink's jobs are ours: told by their names while Flink knows them, by a list of ours afterwards."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from winnowry.runners.flink.rest import Job, Rest

_LIST = "flink-jobs"


def job_name(cluster: str, pump: str) -> str:
    """Return the name of a pump's job.

    >>> job_name("ddi.example.org", "fuse")
    'winnowry ddi.example.org fuse'
    """
    return f"winnowry {cluster} {pump}"


def jobs_of(rest: Rest, cluster: str, pump: str) -> list[Job]:
    """Return the jobs that Flink knows of a pump, the latest first. Raises as ``Rest`` does."""
    return [job for job in rest.jobs() if job.name == job_name(cluster, pump)]


def running_job(jobs: Iterable[Job]) -> Job | None:
    """Return the one that is not over, if there is one."""
    return next((job for job in jobs if not job.over), None)


def noted_jobs(state: Path) -> list[str]:
    """Return the jobs that a pump with this folder of state has had, the first one first."""
    try:
        return (state / _LIST).read_text().split()
    except FileNotFoundError:
        return []


def note_jobs(state: Path, jobs: Iterable[Job]) -> None:
    """Add jobs to those that the pump has had: a JobManager that is started again knows nothing of them."""
    known = noted_jobs(state)
    new = [job.id for job in jobs if job.id not in known]
    if not new:
        return
    state.mkdir(0o700, parents=True, exist_ok=True)
    with (state / _LIST).open("a") as file:
        file.writelines(f"{job}\n" for job in reversed(new))
        file.flush()
        with contextlib.suppress(OSError):
            os.fsync(file.fileno())
