"""What lives on a connection: one channel that publishes, one for each queue that is consumed, one for short errands.

What the broker denies on one of them ends that one alone: the reason shows in the state, and it is tried again later.
"""

import itertools
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import pika

from winnowry.io.amqp import publish, topology
from winnowry.io.amqp.connection import Link
from winnowry.io.amqp.consume import Consumer, Deliver
from winnowry.io.amqp.errors import translate
from winnowry.io.amqp.publish import Publisher
from winnowry.io.amqp.topology import Errand
from winnowry.io.amqp.wire import Wire
from winnowry.io.broker import Topology

_FIRST_PAUSE = 0.5
_CEILING = 5.0
_PUBLISHING = "publishing"
_DECLARING = "declaring"


class Traffic:
    """The rider of a link (`connection.Rider`). Everything here belongs to the link's thread."""

    def __init__(self) -> None:
        self.publisher = Publisher()
        self.consumers: dict[str, Consumer] = {}
        self.link: Link
        self._wire: Wire | None = None
        self._numbers = itertools.count(topology.NUMBER + 1)
        self._epochs = itertools.count(time.time_ns())  # of no other connection, nor of a process before this one
        self._declared: list[Topology] = []
        self._errands: deque[Errand] = deque()
        self._errand: Errand | None = None
        self._denials: dict[str, int] = {}
        self._idle: list[Future[None]] = []

    def rise(self, wire: Wire) -> None:
        """Declare again, then publish and consume again."""
        self._wire = wire
        self._denials.clear()
        self._redeclare(self._open_all)

    def fall(self) -> None:
        """Every channel has closed by now and told its user. What the broker held up it holds up no more."""
        self._wire = None
        self.publisher.resume(blocked=False)

    def renew(self) -> None:
        """Declare again: an exchange that was deleted has taken our bindings along, and nobody consumes dead letters."""
        busy = self._errand is not None or self._errands or _DECLARING in self._denials
        if self._declared and not busy:
            self._redeclare(_nothing)

    def hold(self, blocked: bool) -> None:
        """Pause publishing, or go on."""
        self.publisher.resume(blocked)

    def drained(self) -> None:
        """Answer what was confirmed."""
        if self.publisher.drained() and self._denials.pop(_PUBLISHING, None) is not None:
            self.link.trouble(_PUBLISHING, None)
        if self._idle and self.publisher.idle:
            for waiting in self._idle:
                if waiting.set_running_or_notify_cancel():  # whoever waited may have given up
                    waiting.set_result(None)
            self._idle.clear()

    def when_idle(self, done: "Future[None]") -> None:
        """Set ``done`` when everything published has been answered."""
        self._idle.append(done)
        self.drained()

    def remember(self, declared: Topology) -> None:
        """Declare this at each reconnection."""
        if declared not in self._declared:
            self._declared.append(declared)

    def run(self, errand: Errand) -> None:
        """Run an errand as soon as there is a connection, after those that came before."""
        self._errands.append(errand)
        self._next_errand()

    def consume(self, queue: str, prefetch: int, deliver: Deliver) -> None:
        """Consume a queue now, if there is a connection, and after each reconnection."""
        consumer = self.consumers.get(queue)
        if consumer is None:
            consumer = self.consumers[queue] = Consumer(queue, next(self._numbers), self.link.later)
        consumer.start(prefetch, deliver)
        if not consumer.is_open and queue not in self._denials:
            self._open_consumer(consumer)

    def settle_now(self) -> None:
        """Acknowledge what is settled and waits for what came before it."""
        for consumer in self.consumers.values():
            consumer.settle_now()

    @property
    def _standing(self) -> bool:
        return self._wire is not None and bool(self._wire.is_open)

    def _redeclare(self, then: Callable[[], None]) -> None:
        exchanges = tuple(itertools.chain.from_iterable(one.exchanges for one in self._declared))
        queues = tuple(itertools.chain.from_iterable(one.queues for one in self._declared))
        errand = topology.declaring(Topology(exchanges=exchanges, queues=queues))
        errand.answer.add_done_callback(partial(self._redeclared, then))
        self._errands.appendleft(errand)
        self._next_errand()

    def _redeclared(self, then: Callable[[], None], answer: "Future[Any]") -> None:
        error = answer.exception()
        if error is None:
            self._denials.pop(_DECLARING, None)
            self.link.trouble(_DECLARING, None)
        elif self._standing and (then is _nothing or _DECLARING not in self._denials):  # one that tries again is enough
            self._deny(_DECLARING, error, partial(self._redeclare, _nothing))
        if self._standing:
            then()

    def _open_all(self) -> None:
        self._open_publisher()
        for consumer in self.consumers.values():
            self._open_consumer(consumer)

    def _open_publisher(self) -> None:
        if self._standing:
            self.link.open(publish.NUMBER, self._select, self._publisher_closed)

    def _select(self, channel: pika.channel.Channel) -> None:
        # Confirms are taken off the wire before pika sees them; it insists on being told of them nevertheless.
        channel.confirm_delivery(_nothing, callback=lambda _frame: self._publish_on(channel))

    def _publish_on(self, channel: pika.channel.Channel) -> None:
        if self._wire is not None:
            self.publisher.open(channel, self._wire)

    def _publisher_closed(self, error: Exception) -> None:
        denied = self._standing and isinstance(error, pika.exceptions.ChannelClosedByBroker)
        self.publisher.lose(careful=denied)
        if denied:
            self._deny(_PUBLISHING, translate(error), self._open_publisher)

    def _open_consumer(self, consumer: Consumer) -> None:
        if not consumer.active:
            self._consuming(consumer)  # nobody wants the queue any more: what was denied is forgotten
        elif self._standing and not consumer.is_open and not consumer.opening:
            consumer.opening = True
            opened, closed = partial(self._consume_on, consumer), partial(self._consumer_closed, consumer)
            self.link.open(consumer.number, opened, closed)

    def _consume_on(self, consumer: Consumer, channel: pika.channel.Channel) -> None:
        if self._wire is None:
            return
        channel.add_on_cancel_callback(lambda _frame: channel.close(404, "the queue was deleted") if channel.is_open else None)
        consumer.open(channel, self._wire, next(self._epochs), partial(self._consuming, consumer))

    def _consuming(self, consumer: Consumer) -> None:
        self._denials.pop(consumer.queue, None)
        self.link.trouble(consumer.queue, None)

    def _consumer_closed(self, consumer: Consumer, error: Exception) -> None:
        consumer.lose()
        if self._standing and consumer.active and isinstance(error, pika.exceptions.ChannelClosed):
            again = partial(self._redeclare, partial(self._open_consumer, consumer))
            self._deny(consumer.queue, translate(error), again)

    def _deny(self, where: str, error: BaseException, again: Callable[[], None]) -> None:
        """Show what was denied and try again after a pause that doubles each time, if this connection still stands."""
        wire = self._wire
        denials = self._denials[where] = self._denials.get(where, 0) + 1
        self.link.trouble(where, getattr(error, "detail", str(error)))
        self.link.later(min(_FIRST_PAUSE * 2 ** (denials - 1), _CEILING), lambda: again() if self._wire is wire else None)

    def _next_errand(self) -> None:
        if self._errand is not None or not self._standing or not self._errands:
            return
        self._errand = self._errands.popleft()
        self.link.open(topology.NUMBER, self._errand.begin, self._errand_over)

    def _errand_over(self, error: Exception) -> None:
        errand, self._errand = self._errand, None
        if errand is not None:
            errand.end(error)
        self.link.call(self._next_errand)  # not at once: the number of this channel becomes free after this callback


def _nothing(*_arguments: Any) -> None:
    """Do nothing."""
