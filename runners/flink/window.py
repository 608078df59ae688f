"""Publishing for a bundle: everything is confirmed before the bundle ends, or it fails."""

import threading
import time
from collections.abc import Callable, Sequence

import structlog

from winnowry.io.broker import Broker, Confirm, Confirmations
from winnowry.schemas.delivery import Message
from winnowry.schemas.errors import Unreachable
from winnowry.schemas.reasons import Reason

log = structlog.get_logger(__name__)

PATIENCE = 60.0
"""Seconds that a bundle waits for its confirms; it fails then, and Flink starts again from its last checkpoint."""

AGAIN_SECONDS = 1.0
"""Seconds until what no queue took, or the broker refused, is published again."""


class ConfirmWindow:
    """What one bundle has published on a broker, and what is not confirmed of it yet."""

    def __init__(self, broker: Broker, clock: Callable[[], float] = time.monotonic) -> None:
        self._broker = broker
        self._clock = clock
        self._changed = threading.Condition()
        self._unanswered = 0
        self._returned: list[Message] = []

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish these, and go on. Raises Unreachable when the connection was closed for good."""
        if messages:
            with self._changed:
                self._unanswered += len(messages)
            self._broker.publish([(message, message) for message in messages], self._answered)

    def _answered(self, confirmations: Confirmations) -> None:
        with self._changed:
            self._unanswered -= len(confirmations)
            self._returned.extend(message for message, answer in confirmations if answer is not Confirm.CONFIRMED)
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until everything is confirmed; publish again what no queue took. Raises Unreachable after ``PATIENCE``."""
        deadline = self._clock() + PATIENCE
        while True:
            with self._changed:
                answered = self._changed.wait_for(lambda: not self._unanswered, max(0.0, deadline - self._clock()))
                returned, self._returned = self._returned, []
            if answered and not returned:
                return
            if self._clock() >= deadline:
                raise Unreachable(Reason.UNREACHABLE, self._why(returned))
            log.warning("no queue takes what is announced; it is published again", messages=len(returned))
            with self._changed:
                self._changed.wait(AGAIN_SECONDS)
            self.publish(returned)

    def _why(self, returned: Sequence[Message]) -> str:
        if returned:
            return f"no queue takes what is announced to {returned[0].exchange!r}"
        return f"{self._broker.name} confirms nothing: {self._broker.state().detail}"
