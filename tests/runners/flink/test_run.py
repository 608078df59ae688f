from collections.abc import Callable
from pathlib import Path

import pytest
from apache_beam.runners.runner import PipelineResult, PipelineState
from flink_answers import answering, job
from structlog.testing import capture_logs

from winnowry.io.broker import Topology
from winnowry.pipelines.pump import Pump
from winnowry.runners.control import Control, socket_of
from winnowry.runners.flink.access import Access
from winnowry.runners.flink.job import Job
from winnowry.runners.flink.rest import Rest
from winnowry.runners.flink.run import TROUBLE_SECONDS, Run
from winnowry.schemas.errors import Unreachable

RUNNING = job("winnowry ddi.example.org fuse")
TROUBLE = "java.lang.RuntimeException: no password is known for feeder at broker"


class Result(PipelineResult):
    """What Beam knows of a job of which we know the end."""

    def wait_until_finish(self, duration: int | None = None) -> None:
        raise RuntimeError("Pipeline fuse failed in state FAILED: out of memory\nand more")


@pytest.fixture
def fuse(tmp_path: Path) -> Job:
    pump = Pump(name="fuse", kind="winnow", cluster="ddi.example.org", account="feeder", state=tmp_path / "fuse")
    nowhere = Access(urls=("amqp://feeder@127.0.0.1:1/",))
    return Job(pump=pump, source=nowhere, target=nowhere, topology=Topology(), owner="feeder")


def passing() -> Callable[[], float]:
    """A clock on which much time passes between two looks."""
    moments = iter(range(0, 10**6, int(2 * TROUBLE_SECONDS)))
    return lambda: float(next(moments))


def test_what_sets_a_job_back_again_and_again_is_told_once(fuse: Job) -> None:
    answers = {
        "GET /jobs/overview": (200, {"jobs": [RUNNING]}),
        f"GET /jobs/{RUNNING['jid']}": (
            200,
            {"now": 0, "vertices": []},
        ),
        f"GET /jobs/{RUNNING['jid']}/exceptions": (
            200,
            {"exceptionHistory": {"entries": [{"stacktrace": f"{TROUBLE}\n\tat Beam"}]}},
        ),
    }
    with answering(answers) as url, capture_logs() as logs:
        run = Run(fuse, Result(PipelineState.RUNNING), Rest(url), passing())
        run.check()
        run.check()
    assert [(line["pump"], line["trouble"]) for line in logs] == [("fuse", TROUBLE)]


def test_a_pump_that_waits_long_for_its_workers_is_told_of_once(fuse: Job) -> None:
    stages = [{"id": "1", "name": "Read", "status": "INITIALIZING", "start-time": 1000, "parallelism": 1}]
    answers = {
        "GET /jobs/overview": (200, {"jobs": [RUNNING]}),
        f"GET /jobs/{RUNNING['jid']}": (200, {"now": 61_000, "vertices": stages}),
        f"GET /jobs/{RUNNING['jid']}/exceptions": (200, {"exceptionHistory": {"entries": []}}),
    }
    with answering(answers) as url, capture_logs() as logs:
        run = Run(fuse, Result(PipelineState.RUNNING), Rest(url), passing())
        run.check()
        run.check()
    (line,) = logs
    assert line["pump"] == "fuse"
    assert "60 s for workers" in line["event"]


def test_a_job_that_has_failed_says_why(fuse: Job) -> None:
    with pytest.raises(Unreachable, match=r"fuse: its job is failed: Pipeline fuse failed in state FAILED: out of memory$"):
        Run(fuse, Result(PipelineState.FAILED), None).check()


def test_a_flink_that_does_not_answer_yet_disturbs_nobody(fuse: Job) -> None:
    run = Run(fuse, Result(PipelineState.RUNNING), Rest("http://127.0.0.1:1"), passing())
    run.check()
    run.check()


@pytest.mark.parametrize("busy", ["waiting", "later", "unsettled"])
def test_a_pump_that_has_something_underway_is_not_idle(fuse: Job, busy: str) -> None:
    status = dict.fromkeys(("waiting", "later", "unsettled"), 0) | {busy: 1}
    run = Run(fuse, Result(PipelineState.RUNNING), None)
    assert not run.idle(), "its reader does not answer yet"
    with Control(socket_of(fuse.pump.state, 1), lambda request: status):
        assert not run.idle()
        assert run.settled() == (busy != "unsettled")
    with Control(socket_of(fuse.pump.state, 1), lambda request: status | {busy: 0}):
        assert run.idle()
