"""Flink's REST interface, as far as an operator needs it: https://nightlies.apache.org/flink/flink-docs-stable/docs/ops/rest_api/."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from winnowry.schemas.errors import Transient, Unreachable
from winnowry.schemas.reasons import Reason

OVER = frozenset({"FINISHED", "CANCELED", "FAILED", "SUSPENDED"})
"""States that a job does not leave again."""

_PATIENCE = 30.0
"""Seconds: a JobManager that starts jobs on a busy machine may take long to answer."""
_MILLISECONDS = 1000.0
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What a cluster has: Flink's version, TaskManagers, and slots, each of which runs one share of a job."""

    version: str
    task_managers: int
    slots: int
    free_slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job, with the Unix times at which it began and ended (None while it goes on)."""

    id: str
    name: str
    state: str
    began: float
    ended: float | None

    @property
    def over(self) -> bool:
        """Whether it will never run again."""
        return self.state in OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Vertex:
    """A stage of a job: steps that run in one thread, as often as ``parallelism`` says; ``seconds`` since it was begun."""

    id: str
    name: str
    state: str
    parallelism: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A completed checkpoint or savepoint: where it lies (a URL), when it was there, how long it took and how large it is."""

    where: str
    at: float
    seconds: float
    size: int
    savepoint: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """How a job's checkpoints went since it began; ``restored`` is where its state came from, if from anywhere."""

    completed: int
    failed: int
    last: Checkpoint | None
    failure: str | None
    restored: str | None


class Rest:
    """Asks the JobManager at ``url``.

    Raises Unreachable when nobody answers there, Transient with what Flink says when it does not do what it is asked.
    """

    def __init__(self, url: str, *, patience: float = _PATIENCE) -> None:
        self.url = url.rstrip("/")
        self._patience = patience

    def overview(self) -> Overview:
        """Return what the cluster has."""
        told = self._ask("GET", "overview")
        return Overview(
            version=told["flink-version"],
            task_managers=told["taskmanagers"],
            slots=told["slots-total"],
            free_slots=told["slots-available"],
        )

    def config(self) -> dict[str, str]:
        """Return the JobManager's settings."""
        return {entry["key"]: entry["value"] for entry in self._ask("GET", "jobmanager/config")}

    def jobs(self) -> list[Job]:
        """Return the jobs that run and those that the JobManager remembers, the latest first."""
        found = [_job(told) for told in self._ask("GET", "jobs/overview")["jobs"]]
        return sorted(found, key=lambda job: job.began, reverse=True)

    def state(self, job: str) -> str:
        """Return the state of a job."""
        return str(self._ask("GET", f"jobs/{job}")["state"])

    def vertices(self, job: str) -> list[Vertex]:
        """Return the stages of a job, sources first."""
        told = self._ask("GET", f"jobs/{job}")
        return [_vertex(vertex, told["now"]) for vertex in told["vertices"]]

    def counts(self, job: str, namespace: str) -> dict[str, int]:
        """Return what the steps of a job have counted in a namespace of Beam's, over all shares of all stages.

        Flink looks at them every ten seconds, and counts anew after a failure.
        """
        found: Counter[str] = Counter()
        for vertex in self.vertices(job):
            path = f"jobs/{job}/vertices/{vertex.id}/subtasks/metrics"
            ours = [metric["id"] for metric in self._ask("GET", path) if f".{namespace}_" in metric["id"]]
            for metric in self._ask("GET", f"{path}?agg=sum&get={quote(','.join(ours))}") if ours else ():
                found[metric["id"].rpartition(f".{namespace}_")[2]] += int(metric["sum"])
        return dict(found)

    def checkpoints(self, job: str) -> Checkpoints | None:
        """Return how a job's checkpoints went; None when it makes none."""
        told = self._ask("GET", f"jobs/{job}/checkpoints", missing={})
        return _checkpoints(told) if told else None

    def interval(self, job: str) -> float | None:
        """Return the seconds between two checkpoints of a job; None when it makes none."""
        told = self._ask("GET", f"jobs/{job}/checkpoints/config", missing={})
        return float(told["interval"]) / _MILLISECONDS if told else None

    def trouble(self, job: str) -> str | None:
        """Return the first line of what last went wrong with a job; None if nothing did."""
        entries = self._ask("GET", f"jobs/{job}/exceptions")["exceptionHistory"]["entries"]
        return str(entries[0]["stacktrace"]).partition("\n")[0] if entries else None

    def savepoint(self, job: str, folder: str, *, seconds: float = 120.0) -> str:
        """Make a savepoint of a running job below ``folder`` (a URL), and return its URL once it is complete."""
        return self._make(job, "savepoints", {"target-directory": folder, "cancel-job": False}, seconds)

    def stop(self, job: str, folder: str, *, seconds: float = 120.0) -> str:
        """Make a savepoint below ``folder`` (a URL), end the job with it, and return its URL.

        Nothing is taken from the sources after the savepoint. If it fails, the job goes on.
        """
        where = self._make(job, "stop", {"targetDirectory": folder, "drain": False}, seconds)
        self.wait(job, lambda state: state in OVER, seconds)
        return where

    def cancel(self, job: str, *, seconds: float = 120.0) -> None:
        """End a job as it is, without a savepoint; its checkpoints are kept."""
        self._ask("PATCH", f"jobs/{job}?mode=cancel")
        self.wait(job, lambda state: state in OVER, seconds)

    def wait(self, job: str, wanted: Callable[[str], bool], seconds: float) -> str:
        """Wait until the state of a job is a wanted one, and return it. Raises Transient when that takes longer."""
        deadline = time.monotonic() + seconds
        while not wanted(state := self.state(job)):
            if time.monotonic() > deadline:
                raise Transient(Reason.TIMED_OUT, f"job {job} is still {state} after {seconds:.0f} s")
            time.sleep(0.1)
        return state

    def _make(self, job: str, verb: str, request: dict[str, Any], seconds: float) -> str:
        trigger = self._ask("POST", f"jobs/{job}/{verb}", request)["request-id"]
        deadline = time.monotonic() + seconds
        while (told := self._ask("GET", f"jobs/{job}/savepoints/{trigger}"))["status"]["id"] != "COMPLETED":
            if time.monotonic() > deadline:
                raise Transient(Reason.TIMED_OUT, f"the savepoint of job {job} is not complete after {seconds:.0f} s")
            time.sleep(0.1)
        if "location" not in told["operation"]:
            raise Transient(Reason.SERVER_ERROR, f"no savepoint of job {job}: {_cause(told['operation'])}")
        return str(told["operation"]["location"])

    def _ask(self, method: str, path: str, body: object = None, *, missing: Any = None) -> Any:
        """Return what Flink answers; ``missing``, where that is given, when there is nothing at ``path``."""
        try:
            answer = requests.request(method, f"{self.url}/{path}", json=body, timeout=self._patience)
            told = answer.json() if answer.content else {}
        except requests.RequestException as error:
            raise Unreachable(Reason.UNREACHABLE, f"Flink at {self.url}: {type(error).__name__}") from error
        if answer.status_code == _NOT_FOUND and missing is not None:
            return missing
        if not answer.ok:
            raise Transient(Reason.SERVER_ERROR, f"Flink at {self.url}, {method} {path}: {_first(told)}")
        return told


def _job(told: dict[str, Any]) -> Job:
    ended = told["end-time"] / _MILLISECONDS if told["end-time"] > 0 else None
    began = told["start-time"] / _MILLISECONDS
    return Job(id=told["jid"], name=told["name"], state=told["state"], began=began, ended=ended)


def _vertex(told: dict[str, Any], now: float) -> Vertex:
    seconds = (now - told["start-time"]) / _MILLISECONDS if told["start-time"] > 0 else 0.0
    return Vertex(id=told["id"], name=told["name"], state=told["status"], parallelism=told["parallelism"], seconds=seconds)


def _checkpoints(told: dict[str, Any]) -> Checkpoints:
    latest = told["latest"]
    made = [_checkpoint(latest[kind]) for kind in ("completed", "savepoint") if latest.get(kind)]
    return Checkpoints(
        completed=told["counts"]["completed"],
        failed=told["counts"]["failed"],
        last=max(made, key=lambda checkpoint: checkpoint.at, default=None),
        failure=(latest.get("failed") or {}).get("failure_message"),
        restored=(latest.get("restored") or {}).get("external_path"),
    )


def _checkpoint(told: dict[str, Any]) -> Checkpoint:
    return Checkpoint(
        where=told["external_path"],
        at=told["latest_ack_timestamp"] / _MILLISECONDS,
        seconds=told["end_to_end_duration"] / _MILLISECONDS,
        size=told["state_size"],
        savepoint=told["is_savepoint"],
    )


def _cause(operation: dict[str, Any]) -> str:
    return _first({"errors": [operation.get("failure-cause", {}).get("stack-trace", "Flink does not say why")]})


def _first(told: Any) -> str:
    """Return the line that tells most in what Flink says of an error: the last cause, or else what it begins with."""
    lines = "\n".join(told.get("errors", ())).splitlines() if isinstance(told, dict) else []
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    told_first = [line for line in lines if line and line != "Internal server error."]
    return (causes[-1:] or told_first or ["it does not say why"])[0]
