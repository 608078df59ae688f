"""A broker in memory, for tests, for trying things out, and for a demonstration where no RabbitMQ is at hand.

Several `FakeBroker` connections share one `FakeExchangeServer`. Nothing runs by itself: each call changes the server, then runs
the callbacks that follow from it, in order and one at a time, in the thread that made the call. A call made from within a
callback, or while another thread is running callbacks, leaves its own to that one. So a test with one thread is deterministic.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from winnowry.io.broker import BrokerState, Confirm, Confirmations, Topology
from winnowry.io.fake_server import FakeConsumer, FakeExchangeServer
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.errors import Unreachable
from winnowry.schemas.reasons import Reason

Answered = Callable[[Confirmations], None]


class FakeBroker:
    """One connection to a `FakeExchangeServer` (`io.broker.Broker`).

    >>> from winnowry.io.broker import Queue
    >>> server = FakeExchangeServer()
    >>> broker = FakeBroker(server)
    >>> broker.declare(Topology(exchanges=("xpublic",), queues=(Queue(name="q_dd", bindings=(("xpublic", "v03.#"),)),)))
    >>> message = Message(body=b"{}", exchange="xpublic", routing_key="v03.a", content_type="application/json")
    >>> broker.publish([("token", message)], print)
    [('token', <Confirm.CONFIRMED: 'confirmed'>)]
    >>> broker.consume("q_dd", 10, lambda delivery: print(delivery.body, delivery.tag))
    b'{}' 1
    """

    def __init__(self, server: FakeExchangeServer, name: str = "fake", clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self._server = server
        self._clock = clock
        self._since = clock()
        self._consumers: dict[str, FakeConsumer] = {}
        self._waiting: deque[tuple[Any, Message, Answered]] = deque()
        self._closed = False
        server.join(self._send)

    def declare(self, topology: Topology) -> None:
        """Declare. Raises Terminal for a passive queue that does not exist, or a binding to an exchange that does not."""
        self._check()
        with self._server.change():
            self._server.declare(topology)

    def consume(self, queue: str, prefetch: int, deliver: Callable[[Delivery], None]) -> None:
        """Hand each message of ``queue`` to ``deliver``, ``prefetch`` of them unsettled at most (0: any number)."""
        self._check()
        with self._server.change():
            consumer = self._consumers.get(queue)
            if consumer is None:
                consumer = self._consumers[queue] = self._server.add_consumer(queue)
            consumer.start(prefetch, deliver)

    def cancel(self, queue: str) -> None:
        """Stop consuming ``queue``; what was delivered stays ours until it is settled or put back."""
        with self._server.change():
            if queue in self._consumers:
                self._consumers[queue].stop()

    def publish(self, batch: Sequence[tuple[Any, Message]], answered: Answered) -> None:
        """Publish, or keep what goes to an exchange that does not exist, and all after it, until it does."""
        self._check()
        with self._server.change():
            self._waiting.extend((token, message, answered) for token, message in batch)

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge. What is not held (any more) is passed over."""
        with self._server.change():
            for consumer, delivery in self._held(deliveries):
                consumer.release(delivery.tag)

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return to their queue, in their places. What is not held (any more) is passed over."""
        with self._server.change():
            for consumer, delivery in self._held(deliveries):
                consumer.put_back(delivery.tag)

    def depth(self, queue: str) -> int:
        """Return how many messages of ``queue`` are ready. Raises Terminal where there is no such queue."""
        self._check()
        return len(self._server.bodies(queue))

    def state(self) -> BrokerState:
        """Return how the connection stands."""
        state, detail = self._standing()
        return BrokerState(state=state, since=self._since, detail=detail)

    def drop(self) -> None:
        """Lose the connection and get it back at once: what was unsettled is handed out again, and past tags mean nothing."""
        with self._server.change():
            for consumer in self._consumers.values():
                consumer.lose()

    def close(self) -> None:
        """Disconnect; what was unsettled goes back to its queue."""
        if self._closed:
            return
        with self._server.change():
            self._closed, self._since = True, self._clock()
            self._server.leave(self._send)
            for consumer in self._consumers.values():
                consumer.stop()
                consumer.lose()
                self._server.remove_consumer(consumer)

    def _held(self, deliveries: Sequence[Delivery]) -> Iterable[tuple[FakeConsumer, Delivery]]:
        for delivery in deliveries:
            consumer = self._consumers.get(delivery.held_by or delivery.queue)
            if consumer is not None and consumer.epoch == delivery.epoch and delivery.tag in consumer.held:
                yield consumer, delivery

    def _standing(self) -> tuple[str, str]:
        if self._closed:
            return "closed", ""
        if self._server.blocked:
            return "blocked", self._server.blocked
        if self._waiting:
            return "refused", f"publishing: no exchange {self._waiting[0][1].exchange!r}"
        return "connected", ""

    def _send(self) -> list[tuple[Answered, Confirmations]]:
        """Route what waits, as far as that is possible, and return whom to answer what."""
        answers: list[tuple[Answered, list[tuple[Any, Confirm]]]] = []
        while self._waiting and not self._server.blocked and self._server.has_exchange(self._waiting[0][1].exchange):
            token, message, answered = self._waiting.popleft()
            confirm = self._server.route(replace(message, headers=dict(message.headers)))
            if not answers or answers[-1][0] != answered:
                answers.append((answered, []))
            answers[-1][1].append((token, confirm))
        return list(answers)

    def _check(self) -> None:
        if self._closed:
            raise Unreachable(Reason.UNREACHABLE, "the connection is closed")
