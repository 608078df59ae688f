from urllib.parse import quote

import pytest
from flink_answers import Answers, answering, job

from winnowry.runners.flink.rest import Checkpoint, Checkpoints, Job, Rest
from winnowry.runners.servers.ports import free_port
from winnowry.schemas.errors import Transient, Unreachable
from winnowry.schemas.reasons import Reason

ID = f"{1:032x}"
COMPLETED = {
    "external_path": "file:/flink/checkpoints/1/chk-7",
    "latest_ack_timestamp": 200_500,
    "end_to_end_duration": 250,
    "state_size": 4096,
    "is_savepoint": False,
}
SAVEPOINT = COMPLETED | {"external_path": "file:/flink/savepoint-1", "latest_ack_timestamp": 199_000, "is_savepoint": True}
IN_PROGRESS = {"status": {"id": "IN_PROGRESS"}, "operation": None}
STACK = "java.util.concurrent.CompletionException: outer\n\tat x\nCaused by: CheckpointException: not all tasks run\n\tat y\n"


def test_jobs_come_with_the_latest_first() -> None:
    answers: Answers = {
        "GET /jobs/overview": (200, {"jobs": [job("a"), job("b", number=2, state="FAILED", began=150, ended=160)]})
    }
    with answering(answers) as url:
        assert Rest(url).jobs() == [
            Job(id=f"{2:032x}", name="b", state="FAILED", began=150.0, ended=160.0),
            Job(id=ID, name="a", state="RUNNING", began=100.0, ended=None),
        ]


def test_the_newest_of_checkpoints_and_savepoints_is_the_last_checkpoint() -> None:
    latest = {"completed": COMPLETED, "savepoint": SAVEPOINT, "failed": {"failure_message": "expired"}, "restored": None}
    answers: Answers = {f"GET /jobs/{ID}/checkpoints": (200, {"counts": {"completed": 7, "failed": 1}, "latest": latest})}
    last = Checkpoint(where="file:/flink/checkpoints/1/chk-7", at=200.5, seconds=0.25, size=4096, savepoint=False)
    with answering(answers) as url:
        assert Rest(url).checkpoints(ID) == Checkpoints(completed=7, failed=1, last=last, failure="expired", restored=None)


def test_a_job_without_checkpoints_has_none_and_no_interval() -> None:
    with answering({}) as url:
        assert (Rest(url).checkpoints(ID), Rest(url).interval(ID)) == (None, None)


def test_a_savepoint_that_fails_says_the_last_cause() -> None:
    failed = {"status": {"id": "COMPLETED"}, "operation": {"failure-cause": {"class": "x", "stack-trace": STACK}}}
    answers: Answers = {
        f"POST /jobs/{ID}/savepoints": (202, {"request-id": "t"}),
        f"GET /jobs/{ID}/savepoints/t": (200, failed),
    }
    with answering(answers) as url, pytest.raises(Transient, match=r"CheckpointException: not all tasks run$"):
        Rest(url).savepoint(ID, "file:///flink/savepoints")


def test_a_savepoint_that_takes_too_long_is_given_up() -> None:
    answers: Answers = {
        f"POST /jobs/{ID}/savepoints": (202, {"request-id": "t"}),
        f"GET /jobs/{ID}/savepoints/t": (200, IN_PROGRESS),
    }
    with answering(answers) as url, pytest.raises(Transient) as raised:
        Rest(url).savepoint(ID, "file:///flink/savepoints", seconds=0.0)
    assert raised.value.reason is Reason.TIMED_OUT


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"Flink at http://127.0.0.1"):
        Rest(f"http://127.0.0.1:{free_port()}").jobs()


def test_something_that_is_no_flink_is_unreachable() -> None:
    with answering({"GET /jobs/overview": (200, "<html>")}) as url, pytest.raises(Unreachable, match="JSONDecodeError"):
        Rest(url).jobs()


def test_what_flink_says_of_an_error_is_passed_on() -> None:
    answers: Answers = {"GET /jobs/overview": (500, {"errors": ["Internal server error.", "leader election"]})}
    with answering(answers) as url, pytest.raises(Transient, match=r"GET jobs/overview: leader election$"):
        Rest(url).jobs()


def test_what_steps_have_counted_is_summed_over_stages() -> None:
    vertices = [{"id": v, "name": v, "status": "RUNNING", "parallelism": 2, "start-time": 1} for v in ("v", "w")]
    answers: Answers = {f"GET /jobs/{ID}": (200, {"now": 2, "vertices": vertices})}
    for vertex, step in (("v", "[4]{Gate__End5}"), ("w", "End0")):
        path = f"GET /jobs/{ID}/vertices/{vertex}/subtasks/metrics"
        names = [f"{step}.winnowry_announced", "numRecordsIn", "buffers.winnowryish"]
        answers[path] = (200, [{"id": name} for name in names])
        answers[f"{path}?agg=sum&get={quote(names[0])}"] = (200, [{"id": names[0], "sum": 21.0}])
    with answering(answers) as url:
        assert Rest(url).counts(ID, "winnowry") == {"announced": 42}
