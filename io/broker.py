"""What a pump asks of a message broker; ``io.amqp`` answers with RabbitMQ, ``io.fake`` from memory."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

import msgspec

from winnowry.schemas.delivery import Delivery, Message


class Confirm(Enum):
    """What the broker said of one published message."""

    CONFIRMED = "confirmed"
    UNROUTABLE = "unroutable"
    REFUSED = "refused"


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue to declare and its bindings, as (exchange, binding key) pairs.

    ``kind`` is ``classic`` or ``quorum``; ``expires`` is in seconds unused, None for never. ``passive`` only checks that the
    queue exists: a queue that somebody else made must not be declared again with other arguments.
    """

    name: str
    bindings: tuple[tuple[str, str], ...] = ()
    kind: str = "classic"
    expires: float | None = None
    passive: bool = False


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """What is declared at every (re)connection. Exchanges are durable topic exchanges; only those that are ours to declare."""

    exchanges: tuple[str, ...] = ()
    queues: tuple[Queue, ...] = ()


class BrokerState(msgspec.Struct, frozen=True, kw_only=True):
    """How a connection stands: ``state`` is connected, connecting, blocked, refused or closed; ``since`` is Unix time."""

    state: str
    since: float
    detail: str = ""


Confirmations = Sequence[tuple[Any, Confirm]]
"""Tokens as they were given to ``publish``, each with the broker's answer."""


class Broker(Protocol):
    """One connection to a broker, driven by a thread of its own. Every method may be called from any thread.

    Callbacks (``deliver``, ``answered``, ``lost``) run on that thread and must return at once.
    """

    name: str
    """Where it is, without a password."""

    def declare(self, topology: Topology) -> None:
        """Declare now, and again at each reconnection. Raises Unreachable, or Terminal where the broker denies it."""

    def consume(self, queue: str, prefetch: int, deliver: Callable[[Delivery], None]) -> None:
        """Hand each message of ``queue`` to ``deliver``, ``prefetch`` of them unsettled at most; again after reconnection."""

    def cancel(self, queue: str) -> None:
        """Stop consuming ``queue``; what was delivered stays ours until it is settled or put back."""

    def publish(self, batch: Sequence[tuple[Any, Message]], answered: Callable[[Confirmations], None]) -> None:
        """Publish (token, message) pairs with confirms. What a broken connection leaves unanswered is published again."""

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge. A Delivery of a past connection is passed over: the broker hands it out again."""

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return to their queue, one by one. A Delivery of a past connection is passed over."""

    def depth(self, queue: str) -> int:
        """Return how many messages of ``queue`` are ready."""

    def state(self) -> BrokerState:
        """Return how the connection stands."""

    def close(self) -> None:
        """Wait for what is being published, for at most some seconds, and disconnect."""


Headers = Mapping[str, Any]
