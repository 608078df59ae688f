"""Staying connected: one thread, one I/O loop, one connection after another."""

import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol

import pika
from pika.adapters.select_connection import IOLoop

from winnowry.io.amqp.errors import translate
from winnowry.io.amqp.settings import AmqpSettings, without_password
from winnowry.io.amqp.wire import Wire
from winnowry.io.broker import BrokerState
from winnowry.schemas.errors import Terminal, Unreachable
from winnowry.schemas.reasons import Reason

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE = 0.1
_CONNECTION = "connection"


class Rider(Protocol):
    """Who lives on a connection. Called on its thread only."""

    def rise(self, wire: Wire) -> None:
        """A connection is open."""

    def fall(self) -> None:
        """It is gone, and all its channels with it."""

    def renew(self) -> None:
        """It has stood for a while: what somebody may have deleted has to be there again."""

    def drained(self) -> None:
        """Everything that had arrived has been read."""

    def hold(self, blocked: bool) -> None:
        """The broker wants nothing published for now, or does again."""


class Link:
    """A connection that comes back: URLs in turn, pauses that double up to a ceiling, each shortened at random.

    ``call`` and ``ask`` may be used from any thread; everything else belongs to the thread of the link.
    """

    def __init__(self, settings: AmqpSettings, rider: Rider, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._rider = rider
        self._clock = clock
        self._name = without_password(settings.urls[0])
        self._attempts = self._failures = 0
        self._wire: Wire | None = None
        self._up = self._blocked = self._closing = self._refused = False
        self._why = ""
        self._troubles: dict[str, str] = {}
        self.state = BrokerState(state="connecting", since=clock())
        self._loop = IOLoop()
        self._loop.add_callback_threadsafe(self._connect)
        self._thread = threading.Thread(target=self._drive, name=f"amqp {self._name}", daemon=True)

    def start(self) -> None:
        """Connect from now on, once the rider is ready for it."""
        self._thread.start()

    def call(self, action: Callable[[], None]) -> None:
        """Run ``action`` on the link's thread, after what was called before; never, when the link is closed."""
        self._loop.add_callback_threadsafe(action)

    def check(self) -> None:
        """Raise Unreachable when the link is closed."""
        if self.state.state == "closed":
            raise Unreachable(Reason.UNREACHABLE, self.state.detail or f"the connection to {self._name} is closed")

    def ask(self, action: Callable[[], None]) -> None:
        """Run ``action`` on the link's thread and wait until it has run. Raises Unreachable when the link is closed."""
        if threading.current_thread() is self._thread:
            action()
            return
        done: Future[None] = Future()
        self.call(partial(_run, action, done))
        self.wait(done)

    def wait(self, answer: "Future[Any]") -> Any:
        """Return an answer. Raises Unreachable when it does not come in time."""
        try:
            return answer.result(self._settings.patience if self._thread.is_alive() else 0)
        except TimeoutError:
            answer.cancel()
            detail = self.state.detail or f"{self._name} does not answer"
            raise Unreachable(Reason.UNREACHABLE, detail) from None

    def later(self, pause: float, action: Callable[[], None]) -> None:
        """Run ``action`` after about ``pause`` seconds."""
        self._loop.call_later(pause * random.uniform(0.5, 1.0), action)

    def open(self, number: int, opened: Callable[[pika.channel.Channel], None], closed: Callable[[Exception], None]) -> None:
        """Open a channel; ``closed`` is called once, when it is lost or denied."""
        assert self._wire is not None
        channel = self._wire.channel(number, on_open_callback=opened)
        channel.add_on_close_callback(lambda _channel, error: closed(error))

    @property
    def up(self) -> bool:
        """Whether there is a connection."""
        return self._up

    def trouble(self, where: str, what: str | None) -> None:
        """Show that something is denied (``what``), or no longer (None)."""
        if what is None:
            self._troubles.pop(where, None)
        elif self._troubles.get(where) != what:
            self._troubles[where] = what
            _LOG.warning("%s: %s: %s", self._name, where, what)
        self._show()

    def close(self) -> None:
        """Disconnect and end the thread."""
        self.call(self._shut)
        if threading.current_thread() is not self._thread:
            self._thread.join(self._settings.patience)

    def _drive(self) -> None:
        try:
            self._loop.start()
        finally:
            if not self._closing:
                self._troubles = {_CONNECTION: "its thread has died of an error"}
            self._up, self._closing = False, True
            self._show()
            self._loop.close()

    def _connect(self) -> None:
        if self._closing:
            return
        parameters = self._settings.parameters(self._attempts)
        self._attempts += 1
        self._wire = Wire(
            parameters,
            on_open_callback=self._opened,
            on_open_error_callback=self._failed,
            on_close_callback=self._failed,
            custom_ioloop=self._loop,
            inlets={},
            drained=self._rider.drained,
        )

    def _opened(self, wire: Wire) -> None:
        _LOG.info("connected to %s", self._name)
        self._up, self._failures = True, 0
        self._troubles.clear()
        wire.add_on_connection_blocked_callback(lambda _wire, frame: self._hold(True, frame.method.reason))
        wire.add_on_connection_unblocked_callback(lambda _wire, _frame: self._hold(False))
        self._show()
        self._rider.rise(wire)
        self.later(self._settings.renewal, partial(self._renew, wire))

    def _renew(self, wire: Wire) -> None:
        if self._up and self._wire is wire:
            self._rider.renew()
            self.later(self._settings.renewal, partial(self._renew, wire))

    def _failed(self, _wire: Wire, error: Exception) -> None:
        was_up, self._up, self._wire = self._up, False, None
        self._blocked = False
        if was_up:
            self._rider.fall()
        if self._closing:
            self._loop.stop()
            return
        self._refused = isinstance(translate(error), Terminal)
        self._troubles = {}
        self.trouble(_CONNECTION, translate(error).detail)
        pause = min(_FIRST_PAUSE * 2**self._failures, self._settings.retry_ceiling)
        self._failures += 1
        self.later(pause, self._connect)

    def _hold(self, blocked: bool, reason: str = "") -> None:
        _LOG.warning("%s %s publishing %s", self._name, "has stopped" if blocked else "allows", reason)
        self._blocked, self._why = blocked, reason
        self._rider.hold(blocked)
        self._show()

    def _shut(self) -> None:
        self._closing = True
        if self._wire is None or self._wire.is_closed:
            self._loop.stop()
        elif not self._wire.is_closing:
            self._wire.close()

    def _show(self) -> None:
        state, detail = self._standing()
        if (state, detail) != (self.state.state, self.state.detail):
            since = self.state.since if state == self.state.state else self._clock()
            self.state = BrokerState(state=state, since=since, detail=detail)

    def _standing(self) -> tuple[str, str]:
        detail = "; ".join(f"{where}: {what}" for where, what in self._troubles.items())
        if not self._up:
            waiting = "refused" if self._refused else "connecting"
            return ("closed" if self._closing else waiting), detail
        if self._blocked:
            return "blocked", self._why
        return ("refused" if detail else "connected"), detail


def _run(action: Callable[[], None], done: "Future[None]") -> None:
    action()
    if done.set_running_or_notify_cancel():  # whoever waited may have given up
        done.set_result(None)
