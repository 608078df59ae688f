"""What a broker hands over, collected from its thread, and waited for."""

import threading
from collections.abc import Sequence
from typing import Any

from winnowry.io.broker import Broker, Confirm, Confirmations, Queue, Topology
from winnowry.schemas.delivery import Delivery, Message

SECONDS = 30.0


class Inbox:
    """Deliveries in the order of their coming; ``put`` is the callback."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self._changed = threading.Condition()

    def put(self, delivery: Delivery) -> None:
        with self._changed:
            self.deliveries.append(delivery)
            self._changed.notify_all()

    def take(self, count: int, seconds: float = SECONDS) -> list[Delivery]:
        """Return the first ``count`` that have come, waiting for them, and forget them."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.deliveries) >= count, seconds)
            assert came, f"{len(self.deliveries)} of {count} messages came within {seconds} s"
            taken, self.deliveries = self.deliveries[:count], self.deliveries[count:]
            return taken


class Answers:
    """The broker's answers by token; ``put`` is the callback."""

    def __init__(self) -> None:
        self.confirms: list[tuple[Any, Confirm]] = []
        self._changed = threading.Condition()

    def put(self, confirmations: Confirmations) -> None:
        with self._changed:
            self.confirms += confirmations
            self._changed.notify_all()

    def wait(self, count: int, seconds: float = SECONDS) -> dict[Any, Confirm]:
        """Return ``count`` answers once they have come; each token must have been answered once."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.confirms) >= count, seconds)
            assert came, f"{len(self.confirms)} of {count} confirms came within {seconds} s"
            assert len(dict(self.confirms)) == len(self.confirms)
            return dict(self.confirms)


def message(body: bytes, exchange: str = "xpublic", key: str = "v03.a", *, mandatory: bool = False, **headers: Any) -> Message:
    return Message(
        body=body, exchange=exchange, routing_key=key, content_type="application/json", headers=headers, mandatory=mandatory
    )


def publish(broker: Broker, messages: Sequence[Message]) -> list[Confirm]:
    """Publish and return the answers in the order of the messages."""
    answers = Answers()
    broker.publish(list(enumerate(messages)), answers.put)
    confirms = answers.wait(len(messages))
    return [confirms[token] for token in range(len(messages))]


def bound(queue: str = "q_dd", exchange: str = "xpublic", key: str = "v03.#") -> Topology:
    """An exchange and a queue that is bound to it."""
    return Topology(exchanges=(exchange,), queues=(Queue(name=queue, bindings=((exchange, key),)),))
