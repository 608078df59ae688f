"""The broker that any thread may use."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

from winnowry.io.amqp import topology
from winnowry.io.amqp.connection import Link
from winnowry.io.amqp.consume import Deliver
from winnowry.io.amqp.publish import Answered
from winnowry.io.amqp.settings import AmqpSettings, without_password
from winnowry.io.amqp.traffic import Traffic
from winnowry.io.broker import BrokerState, Topology
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.errors import Unreachable


class AmqpBroker:
    """RabbitMQ, or any broker that speaks AMQP 0-9-1 with its confirms (`io.broker.Broker`).

    The connection's thread starts at once; calls that need an answer wait ``settings.patience`` seconds for it.
    """

    def __init__(self, settings: AmqpSettings, clock: Callable[[], float] = time.time) -> None:
        self.name = without_password(settings.urls[0])
        self._traffic = Traffic()
        self._link = self._traffic.link = Link(settings, self._traffic, clock)
        self._link.start()

    def declare(self, declared: Topology) -> None:
        """Declare now, and again at each reconnection. Raises Unreachable, or Terminal where the broker denies it."""
        self._run(topology.declaring(declared))
        self._link.ask(partial(self._traffic.remember, declared))

    def consume(self, queue: str, prefetch: int, deliver: Deliver) -> None:
        """Hand each message of ``queue`` to ``deliver``, ``prefetch`` of them unsettled at most; again after reconnection."""
        self._link.check()
        self._link.call(partial(self._traffic.consume, topology.fitting(queue), prefetch, deliver))

    def cancel(self, queue: str) -> None:
        """Stop consuming ``queue``; what was delivered stays ours until it is settled or put back.

        After it has returned nothing more is delivered: what was on its way goes back to the queue.
        """
        self._link.ask(partial(self._cancel, queue))

    def publish(self, batch: Sequence[tuple[Any, Message]], answered: Answered) -> None:
        """Publish (token, message) pairs with confirms. What a broken connection leaves unanswered is published again.

        Raises Malformed, and publishes none of them, where AMQP has no room for a name, a key or a header; Unreachable when
        this connection was closed.
        """
        self._link.check()
        parcels = self._traffic.publisher.pack(batch, answered)
        self._link.call(partial(self._traffic.publisher.send, parcels))

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge, at the latest a moment later. A Delivery of a past connection is passed over: it comes again."""
        self._link.call(partial(self._settle, deliveries))

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return to their queue, one by one. A Delivery of a past connection is passed over."""
        self._link.call(partial(self._put_back, deliveries))

    def depth(self, queue: str) -> int:
        """Return how many messages of ``queue`` are ready. Raises Unreachable, or Terminal where there is no such queue.

        When it has returned, the broker knows of all that was settled before.
        """
        self._link.call(self._traffic.settle_now)
        return int(self._run(topology.counting(queue)).method.message_count)

    def state(self) -> BrokerState:
        """Return how the connection stands."""
        return self._link.state

    def close(self) -> None:
        """Wait for what is being published, for as long as ``settings.patience``, and disconnect."""
        done: Future[None] = Future()
        with suppress(Unreachable):
            self._link.call(partial(self._traffic.when_idle, done))
            self._link.wait(done)
        self._link.call(self._traffic.settle_now)
        self._link.close()

    def _run(self, errand: topology.Errand) -> Any:
        self._link.call(partial(self._traffic.run, errand))
        return self._link.wait(errand.answer)

    def _cancel(self, queue: str) -> None:
        consumer = self._traffic.consumers.get(queue)
        if consumer is not None:
            consumer.stop()

    def _settle(self, deliveries: Sequence[Delivery]) -> None:
        for queue, epoch, tags in _by_channel(deliveries):
            consumer = self._traffic.consumers.get(queue)
            if consumer is not None and consumer.epoch == epoch:
                consumer.settle(tags)

    def _put_back(self, deliveries: Sequence[Delivery]) -> None:
        for queue, epoch, tags in _by_channel(deliveries):
            consumer = self._traffic.consumers.get(queue)
            if consumer is not None and consumer.epoch == epoch:
                consumer.put_back(tags)


def _by_channel(deliveries: Sequence[Delivery]) -> list[tuple[str, int, list[int]]]:
    groups: dict[tuple[str, int], list[int]] = {}
    for delivery in deliveries:
        groups.setdefault((delivery.held_by or delivery.queue, delivery.epoch), []).append(delivery.tag)
    return [(queue, epoch, tags) for (queue, epoch), tags in groups.items()]
