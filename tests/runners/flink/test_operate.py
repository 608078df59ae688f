from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flink_answers import Answers, answering, job

from winnowry.runners.cluster.load import Cluster, cluster_of
from winnowry.runners.cluster.settings import ClusterSettings
from winnowry.runners.credentials import Credentials
from winnowry.runners.flink.health import health
from winnowry.runners.flink.jobs import note_jobs, noted_jobs
from winnowry.runners.flink.operate import Operator
from winnowry.runners.flink.rest import Rest
from winnowry.schemas.errors import ConfigError, Transient

NAME = "winnowry ddi.example.org fuse"
FIRST, SECOND = f"{1:032x}", f"{2:032x}"


class Flink:
    """Knows these jobs, and keeps its checkpoints below ``folder``."""

    def __init__(self, folder: Path) -> None:
        keys = {"state.savepoints.dir": folder / "savepoints", "state.checkpoints.dir": folder / "checkpoints"}
        config = [{"key": key, "value": path.as_uri()} for key, path in keys.items()]
        self.folder = folder
        self.answers: Answers = {"GET /jobmanager/config": (200, config)}
        self.handed_over: list[tuple[str, str | None]] = []
        self.knows()

    def knows(self, *jobs: dict[str, Any]) -> None:
        self.answers["GET /jobs/overview"] = (200, {"jobs": list(jobs)})

    def take(self, pump: str, origin: str | None) -> None:
        self.handed_over.append((pump, origin))
        self.knows(job(NAME, number=2, began=200))

    def completes(self, *parts: str) -> str:
        point = self.folder.joinpath(*parts)
        point.mkdir(parents=True)
        (point / "_metadata").write_bytes(b"metadata")
        return point.as_uri()


@pytest.fixture
def flink(tmp_path: Path) -> Flink:
    return Flink(tmp_path / "flink")


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    fuse = {"kind": "winnow", "from": "xwinnow", "to": {"public": "xpublic"}}
    settings = {
        "cluster": "ddi.example.org",
        "broker": "amqp://feeder@127.0.0.1:1/",
        "data": "data",
        "state": "state",
        "users": {"feeder": {"role": "feeder"}},
        "exchanges": ["xwinnow"],
        "pumps": {"fuse": fuse},
    }
    return cluster_of(ClusterSettings.model_validate(settings), tmp_path, Credentials({}))


@pytest.fixture
def operator(flink: Flink, cluster: Cluster) -> Iterator[Operator]:
    with answering(flink.answers) as url:
        yield Operator(cluster, Rest(url))


def test_a_pump_begins_anew_where_nothing_is_remembered(flink: Flink, operator: Operator) -> None:
    started = operator.start("fuse", flink.take)
    assert (started.job, started.goes_on_from) == (SECOND, None)
    assert flink.handed_over == [("fuse", None)]


def test_a_pump_goes_on_from_its_last_savepoint(flink: Flink, operator: Operator) -> None:
    point = flink.completes("savepoints", "ddi.example.org", "fuse", "savepoint-1")
    flink.completes("savepoints", "ddi.example.org", "another", "savepoint-2")
    assert operator.start("fuse", flink.take).goes_on_from == point
    assert flink.handed_over == [("fuse", point)]


def test_a_pump_goes_on_from_its_last_checkpoint_when_everything_was_killed(
    flink: Flink, cluster: Cluster, operator: Operator
) -> None:
    flink.knows(job(NAME, number=1))
    assert operator.job("fuse") is not None
    flink.knows()  # the JobManager is a new one
    point = flink.completes("checkpoints", FIRST, "chk-12")
    flink.completes("checkpoints", "of-another-pump", "chk-13")
    assert operator.start("fuse", flink.take).goes_on_from == point
    assert noted_jobs(cluster.state / "fuse") == [FIRST, SECOND]


def test_a_pump_goes_on_from_where_one_says(flink: Flink, operator: Operator) -> None:
    flink.completes("savepoints", "ddi.example.org", "fuse", "savepoint-1")
    assert operator.start("fuse", flink.take, origin="s3://bucket/savepoint-0").goes_on_from == "s3://bucket/savepoint-0"
    assert flink.handed_over == [("fuse", "s3://bucket/savepoint-0")]


def test_a_pump_begins_anew_when_told_so(flink: Flink, operator: Operator) -> None:
    flink.completes("savepoints", "ddi.example.org", "fuse", "savepoint-1")
    assert operator.start("fuse", flink.take, afresh=True).goes_on_from is None


def test_a_pump_that_runs_is_not_started_twice(flink: Flink, operator: Operator) -> None:
    flink.knows(job(NAME, state="RESTARTING"))
    with pytest.raises(ConfigError, match=f"fuse runs already, as job {FIRST} \\(restarting\\)"):
        operator.start("fuse", flink.take)
    assert flink.handed_over == []


def test_a_pump_that_does_not_run_cannot_be_stopped(flink: Flink, operator: Operator) -> None:
    flink.knows(job(NAME, state="FAILED"), job("winnowry ddi.example.org another", number=3))
    with pytest.raises(Transient, match="fuse does not run on Flink"):
        operator.stop("fuse")


def test_savepoints_elsewhere_are_asked_for(flink: Flink, operator: Operator) -> None:
    flink.answers["GET /jobmanager/config"] = (200, [{"key": "state.savepoints.dir", "value": "s3://bucket/savepoints"}])
    with pytest.raises(ConfigError, match="on no disk of this host: say what to go on from"):
        operator.start("fuse", flink.take)


def test_a_flink_that_keeps_nothing_is_refused(flink: Flink, operator: Operator) -> None:
    flink.answers["GET /jobmanager/config"] = (200, [])
    with pytest.raises(ConfigError, match=r"has no `state.savepoints.dir`"):
        operator.start("fuse", flink.take)


def test_folders_are_found_by_the_names_that_newer_flinks_give_to_them(flink: Flink, operator: Operator) -> None:
    names = {"execution.checkpointing.savepoint-dir": "savepoints", "execution.checkpointing.dir": "checkpoints"}
    config = [{"key": key, "value": (flink.folder / name).as_uri()} for key, name in names.items()]
    flink.answers["GET /jobmanager/config"] = (200, config)
    point = flink.completes("savepoints", "ddi.example.org", "fuse", "savepoint-1")
    assert operator.start("fuse", flink.take).goes_on_from == point


def test_jobs_are_noted_once(tmp_path: Path, flink: Flink) -> None:
    flink.knows(job(NAME, number=2, began=200), job(NAME, number=1))
    with answering(flink.answers) as url:
        for _ in range(2):
            note_jobs(tmp_path, Rest(url).jobs())
    assert noted_jobs(tmp_path) == [FIRST, SECOND]


def test_a_pump_that_flink_does_not_know_does_not_run(flink: Flink, cluster: Cluster) -> None:
    with answering(flink.answers) as url:
        told = health(cluster, "fuse", Rest(url))
    assert (told["state"], told["error"]) == ("not running", f"Flink at {url} knows no job of it")


def test_a_flink_that_is_gone_is_an_error_of_the_pump(cluster: Cluster) -> None:
    told = health(cluster, "fuse", Rest("http://127.0.0.1:1"))
    assert told == {
        "cluster": "ddi.example.org",
        "pump": "fuse",
        "instance": "flink",
        "error": "Flink at http://127.0.0.1:1: ConnectionError",
    }


def test_a_pump_without_its_workers_is_told_of(flink: Flink, cluster: Cluster) -> None:
    flink.knows(job(NAME))
    stage = {"id": "v", "name": "Read", "status": "INITIALIZING", "parallelism": 1, "start-time": 1}
    flink.answers[f"GET /jobs/{FIRST}"] = (200, {"state": "RUNNING", "now": 60_001, "vertices": [stage]})
    flink.answers[f"GET /jobs/{FIRST}/exceptions"] = (200, {"exceptionHistory": {"entries": []}})
    with answering(flink.answers) as url:
        told = health(cluster, "fuse", Rest(url))
    assert told["state"] == "waiting for workers"
    assert told["error"].startswith("it has waited 60 s for workers")
