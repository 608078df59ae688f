"""Short errands on a channel of their own: declaring, counting. They are done one after another."""

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import pika

from winnowry.io.amqp.errors import translate
from winnowry.io.broker import Queue, Topology
from winnowry.schemas.errors import Malformed
from winnowry.schemas.reasons import Reason

NUMBER = 2
"""The channel that errands use."""

_SHORT = 255

Step = Callable[..., Any]
"""A method of pika's channel, named, with everything but its callback."""


class Errand:
    """Steps to take on a fresh channel; ``answer`` gets the broker's reply to the last one, or our error."""

    def __init__(self, steps: Sequence[partial[Any]]) -> None:
        self.answer: Future[Any] = Future()
        self._steps = deque(steps)
        self._reply: Any = None

    def begin(self, channel: pika.channel.Channel) -> None:
        """Take the first step, unless nobody waits any more."""
        if self.answer.cancelled():
            self._steps.clear()
        self._next(channel)

    def end(self, error: BaseException) -> None:
        """The channel has closed: all is done, or the broker has denied a step, or the connection broke."""
        if self.answer.done() or not self.answer.set_running_or_notify_cancel():
            return
        if isinstance(error, pika.exceptions.ChannelClosedByClient):
            self.answer.set_result(self._reply)
        else:
            self.answer.set_exception(translate(error))

    def _next(self, channel: pika.channel.Channel, reply: Any = None) -> None:
        if not channel.is_open:
            return  # it closes already, as all of its connection do
        if self._steps:
            self._steps.popleft()(channel, callback=partial(self._next, channel))
            return
        self._reply = reply
        channel.close()


def fitting(name: str) -> str:
    """Return the name of a queue or exchange, or a binding key. Raises Malformed where AMQP has no room for it."""
    if len(name.encode(errors="replace")) > _SHORT:
        raise Malformed(Reason.FIELD_INVALID, f"{name[:40]!r}… is longer than the {_SHORT} bytes that fit into AMQP")
    return name


def declaring(topology: Topology) -> Errand:
    """Return the errand that declares exchanges, then queues with their bindings. Raises Malformed for names too long."""
    for name in (*topology.exchanges, *(queue.name for queue in topology.queues)):
        fitting(name)
    for exchange, key in itertools.chain.from_iterable(queue.bindings for queue in topology.queues):
        fitting(exchange)
        fitting(key)
    channel = pika.channel.Channel
    steps: list[partial[Any]] = [
        _step(channel.exchange_declare, exchange=name, exchange_type="topic", durable=True) for name in topology.exchanges
    ]
    for queue in topology.queues:
        steps.append(_queue(queue))
        steps += [
            _step(channel.queue_bind, queue=queue.name, exchange=exchange, routing_key=key) for exchange, key in queue.bindings
        ]
    return Errand(steps)


def counting(queue: str) -> Errand:
    """Return the errand whose reply says how many messages of ``queue`` are ready."""
    return Errand([_step(pika.channel.Channel.queue_declare, queue=fitting(queue), passive=True)])


def _queue(queue: Queue) -> "partial[Any]":
    declare = pika.channel.Channel.queue_declare
    if queue.passive:
        return _step(declare, queue=queue.name, passive=True)
    return _step(declare, queue=queue.name, durable=True, arguments=_arguments(queue))


def _arguments(queue: Queue) -> dict[str, Any]:
    """Return the arguments of a queue. A quorum queue of ours gets a delivery limit that no hold or shutdown can reach."""
    arguments: dict[str, Any] = {}
    if queue.kind == "quorum":
        arguments = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000, "x-overflow": "reject-publish"}
        arguments["x-dead-letter-strategy"] = "at-least-once"
    if queue.expires is not None:
        arguments["x-expires"] = int(queue.expires * 1000)
    return arguments


def _step(method: Callable[..., Any], **arguments: Any) -> "partial[Any]":
    return partial(_call, method, arguments)


def _call(method: Callable[..., Any], arguments: dict[str, Any], channel: Any, callback: Callable[..., Any]) -> None:
    method(channel, **arguments, callback=callback)
