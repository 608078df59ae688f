"""One pump that `winnowry run` has handed to Flink, watched until its end."""

import contextlib
import time
from collections.abc import Callable

import structlog
from apache_beam.runners.runner import PipelineResult, PipelineState

from winnowry.io.amqp import connect
from winnowry.runners.control import ask, socket_of
from winnowry.runners.flink.checks import workerless
from winnowry.runners.flink.job import Job
from winnowry.runners.flink.jobs import jobs_of, running_job
from winnowry.runners.flink.rest import Rest
from winnowry.schemas.errors import Transient, Unreachable
from winnowry.schemas.reasons import Reason

log = structlog.get_logger(__name__)

TROUBLE_SECONDS = 5.0
"""Seconds between two looks at what Flink says of a job."""

_OVER = frozenset({PipelineState.FAILED, PipelineState.CANCELLED, PipelineState.DONE})


class Run:
    """A job, and the ``rest`` interface of the Flink that has it, where that is known."""

    def __init__(
        self, job: Job, result: PipelineResult, rest: Rest | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._job, self._result, self._rest, self._clock = job, result, rest, clock
        self._sockets = [socket_of(job.pump.state, number) for number in range(1, job.readers + 1)]
        self._looked, self._told, self._waited = clock(), "", False

    def check(self) -> None:
        """Warn of what keeps the job from working, once each. Raise Unreachable, saying why, where it has ended by itself."""
        self._warn()
        if (state := self._result.state) in _OVER:
            raise Unreachable(Reason.UNREACHABLE, f"{self._job.pump.name}: its job is {state.lower()}: {self._why()}")

    def idle(self) -> bool:
        """Whether its queues are empty, nothing waits to be tried again, and everything that was taken from them is settled."""
        return self._settled("waiting", "later", "unsettled") and not any(
            self._depth(edge.queue) for edge in self._job.pump.inputs
        )

    def pause(self) -> None:
        """Take nothing more in, for good: what is not handed out yet is given back."""
        self._ask({"do": "drain"})

    def settled(self) -> bool:
        """Whether everything that was taken in is settled."""
        return self._settled("unsettled")

    def end(self) -> None:
        """End the job. Its last checkpoint stays: the next run goes on from there."""
        self._result.cancel()

    def _depth(self, queue: str) -> int:
        return connect(self._job.source.settings(self._job.name)).depth(queue)

    def _warn(self) -> None:
        if self._rest is None or self._clock() - self._looked < TROUBLE_SECONDS:
            return
        self._looked = self._clock()
        with contextlib.suppress(Transient):  # an embedded Flink answers while a job runs, and not before
            self._look(self._rest)

    def _look(self, rest: Rest) -> None:
        pump = self._job.pump
        job = running_job(jobs_of(rest, pump.cluster, pump.name))
        if job is None:
            return
        if not self._waited and (sentence := workerless(rest.vertices(job.id))) is not None:
            self._waited = True
            log.warning(sentence, pump=pump.name)
        if (trouble := rest.trouble(job.id)) is not None and trouble != self._told:
            self._told = trouble
            log.warning("Flink sets the pump back, and tries again", pump=pump.name, trouble=trouble)

    def _why(self) -> str:
        try:
            self._result.wait_until_finish()
        except RuntimeError as error:
            return self._told or str(error).partition("\n")[0]
        return self._told or "nobody said why"

    def _settled(self, *counts: str) -> bool:
        answers = self._ask({"do": "status"})
        return len(answers) == len(self._sockets) and not any(answer[count] for answer in answers for count in counts)

    def _ask(self, request: dict[str, object]) -> list[dict[str, object]]:
        answers = []
        for path in self._sockets:
            try:
                answers.append(ask(path, request))
            except Unreachable:
                log.debug("a reader does not answer", pump=self._job.pump.name)
        return answers
