from datetime import timedelta
from pathlib import Path

import pytest
from flink_answers import Answers, answering

from winnowry.runners.cluster.engine import Engine
from winnowry.runners.flink.checks import check_engine, too_small, version_of, wait_until_it_runs, workerless
from winnowry.runners.flink.rest import Rest, Vertex
from winnowry.schemas.errors import ConfigError, Transient


def stage(state: str, seconds: float) -> Vertex:
    return Vertex(id="v", name="Read", state=state, parallelism=1, seconds=seconds)


def job(state: str, stage_state: str, seconds: int) -> Answers:
    vertex = {"id": "v", "name": "Read", "status": stage_state, "parallelism": 1, "start-time": 1}
    exceptions = {"exceptionHistory": {"entries": [{"stacktrace": "java.lang.RuntimeException: no disk\n\tat x"}]}}
    told = {"state": state, "now": 1 + seconds * 1000, "vertices": [vertex]}
    return {"GET /jobs/j": (200, told), "GET /jobs/j/exceptions": (200, exceptions)}


def test_no_checkpoints_are_refused() -> None:
    check_engine(Engine())
    with pytest.raises(ConfigError, match="nothing is acknowledged"):
        check_engine(Engine(checkpoints=timedelta(0)))


def test_a_prefetch_that_cannot_carry_the_rate_is_refused_with_one_that_can() -> None:
    check_engine(Engine(prefetch=1000, readers=2, checkpoints=timedelta(seconds=1)))
    with pytest.raises(ConfigError, match=r"engine.prefetch: .* at most 500 messages a second .* need prefetch 2000"):
        check_engine(Engine(prefetch=1000, checkpoints=timedelta(seconds=1)))


def test_a_prefetch_that_carries_the_rate_is_not_complained_about() -> None:
    assert too_small(20_000, 1.0, rate=10_000) is None
    assert "need prefetch 20002" in str(too_small(20_000, 1.0, rate=10_001))


@pytest.mark.parametrize(
    ("names", "version"),
    [
        (("beam-runners-flink-1.19-2.62.0.jar", "flink-core-1.19.0.jar"), (2, 62)),
        (("beam-runners-flink-1.20-job-server-2.77.0.jar",), (2, 77)),
        (("flink-core-1.19.0.jar",), None),
    ],
)
def test_the_version_of_a_job_server_is_that_of_its_jars(tmp_path: Path, names: tuple[str, ...], version: object) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert version_of(tmp_path) == version
    assert version_of(tmp_path / names[0]) == version


def test_a_stage_without_a_worker_for_long_is_told_of() -> None:
    assert workerless([stage("RUNNING", 100.0), stage("INITIALIZING", 29.0)]) is None
    assert "it has waited 31 s for workers" in str(workerless([stage("RUNNING", 100.0), stage("INITIALIZING", 31.0)]))


def test_a_pump_that_never_gets_a_worker_says_so_once_and_at_the_end() -> None:
    warnings: list[str] = []
    with answering(job("RUNNING", "INITIALIZING", 40)) as url, pytest.raises(Transient, match="has waited 40 s for workers"):
        wait_until_it_runs(Rest(url), "j", seconds=0.5, warn=warnings.append)
    assert len(warnings) == 1


def test_a_pump_that_fails_while_it_starts_says_why() -> None:
    with (
        answering(job("FAILED", "FAILED", 1)) as url,
        pytest.raises(Transient, match=r"failed: java.lang.RuntimeException: no disk$"),
    ):
        wait_until_it_runs(Rest(url), "j", seconds=30.0, warn=print)


def test_a_pump_that_runs_is_waited_for_no_longer() -> None:
    with answering(job("RUNNING", "RUNNING", 1)) as url:
        wait_until_it_runs(Rest(url), "j", seconds=0.0, warn=pytest.fail)


def test_a_pump_for_which_there_is_no_slot_says_how_many_there_are() -> None:
    overview = {"flink-version": "1.19.0", "taskmanagers": 2, "slots-total": 4, "slots-available": 1}
    answers: Answers = job("RUNNING", "SCHEDULED", 1) | {"GET /overview": (200, overview)}
    with answering(answers) as url, pytest.raises(Transient, match="no slot for it: of 4, on 2 TaskManagers, 1 are free"):
        wait_until_it_runs(Rest(url), "j", seconds=0.0, warn=pytest.fail)
