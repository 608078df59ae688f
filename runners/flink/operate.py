"""What an operator does to a pump on Flink: start it, make a savepoint, stop it with one, and go on from there."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from winnowry.runners.cluster.load import Cluster
from winnowry.runners.flink.jobs import jobs_of, note_jobs, noted_jobs, running_job
from winnowry.runners.flink.rest import Job, Rest
from winnowry.runners.flink.restore import RestorePoint, local, restore_points
from winnowry.schemas.errors import ConfigError, Transient
from winnowry.schemas.reasons import Reason

Submit = Callable[[str, str | None], object]
"""Hands a pump to Flink by its name, to begin from the restore point at a URL, or with nothing."""

_CHECKPOINTS = ("state.checkpoints.dir", "execution.checkpointing.dir")
_SAVEPOINTS = ("state.savepoints.dir", "execution.checkpointing.savepoint-dir")
_APPEARANCE_SECONDS = 180.0
"""Handing over takes as long as it takes to copy the jars: seconds, or minutes on a busy machine."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """A pump that was started: its job, and the URL of the restore point that it goes on from (None: it began anew)."""

    pump: str
    job: str
    goes_on_from: str | None


class Operator:
    """Operates the pumps of one cluster file on the Flink behind ``rest``. Methods raise as ``Rest`` does.

    ``into`` is the URL below which savepoints go; without it Flink's own setting counts.
    """

    def __init__(self, cluster: Cluster, rest: Rest, *, into: str | None = None) -> None:
        self._cluster = cluster
        self._rest = rest
        self._into = into

    def job(self, pump: str) -> Job | None:
        """Return the pump's job that is not over, if there is one."""
        jobs = jobs_of(self._rest, self._cluster.name, pump)
        note_jobs(self._cluster.state / pump, jobs)
        return running_job(jobs)

    def need_stopped(self, pump: str) -> None:
        """Raise ConfigError when a pump runs."""
        if (job := self.job(pump)) is not None:
            raise ConfigError(f"{pump} runs already, as job {job.id} ({job.state.lower()})")

    def start(self, pump: str, submit: Submit, *, origin: str | None = None, afresh: bool = False) -> Started:
        """Start a pump where its newest complete restore point left off, at ``origin``, or ``afresh`` with nothing.

        Raises ConfigError when it runs already.
        """
        self.need_stopped(pump)
        if origin is None and not afresh:
            origin = next((point.url for point in self.points(pump)), None)
        before = {job.id for job in jobs_of(self._rest, self._cluster.name, pump)}
        submit(pump, origin)
        return Started(pump=pump, job=self._appeared(pump, before).id, goes_on_from=origin)

    def savepoint(self, pump: str) -> str:
        """Make a savepoint of a running pump, and return its URL."""
        return _as_listed(self._rest.savepoint(self._running(pump).id, self._savepoints(pump)))

    def stop(self, pump: str, *, savepoint: bool = True) -> str | None:
        """Stop a pump with a savepoint, and return its URL; without one, leave it with its last checkpoint."""
        job = self._running(pump)
        if not savepoint:
            self._rest.cancel(job.id)
            return None
        return _as_listed(self._rest.stop(job.id, self._savepoints(pump)))

    def points(self, pump: str) -> list[RestorePoint]:
        """Return the complete restore points of a pump, the newest first.

        Raises ConfigError where Flink keeps them on no disk that is seen from here.
        """
        jobs_now = jobs_of(self._rest, self._cluster.name, pump)
        note_jobs(self._cluster.state / pump, jobs_now)
        folders = [self._folder(self._savepoints(pump)), self._folder(self._setting(*_CHECKPOINTS))]
        return restore_points(folders[0], folders[1], noted_jobs(self._cluster.state / pump))

    def _running(self, pump: str) -> Job:
        if (job := self.job(pump)) is None:
            raise Transient(Reason.NOT_FOUND, f"{pump} does not run on Flink at {self._rest.url}")
        return job

    def _savepoints(self, pump: str) -> str:
        folder = self._into or self._setting(*_SAVEPOINTS)
        return f"{folder.rstrip('/')}/{self._cluster.name}/{pump}"

    def _setting(self, *keys: str) -> str:
        """Return a setting of Flink's that has had several names."""
        settings = self._rest.config()
        for key in keys:
            if key in settings:
                return settings[key]
        raise ConfigError(f"Flink at {self._rest.url} has no `{keys[0]}`: set it in its config.yaml")

    def _folder(self, url: str) -> Path:
        if (folder := local(url)) is None:
            raise ConfigError(f"{url} is on no disk of this host: say what to go on from by --from, or --afresh")
        return folder

    def _appeared(self, pump: str, before: set[str]) -> Job:
        deadline = time.monotonic() + _APPEARANCE_SECONDS
        while True:
            jobs = jobs_of(self._rest, self._cluster.name, pump)
            if fresh := [job for job in jobs if job.id not in before]:
                note_jobs(self._cluster.state / pump, fresh)
                return fresh[0]
            if time.monotonic() > deadline:
                raise Transient(Reason.TIMED_OUT, f"{pump} was handed over, but Flink at {self._rest.url} has no job of it")
            time.sleep(0.2)


def _as_listed(url: str) -> str:
    """Return the URL of a savepoint as `RestorePoint` has it: Flink writes `file:/` where others write `file:///`."""
    folder = local(url)
    return folder.as_uri() if folder is not None else url
