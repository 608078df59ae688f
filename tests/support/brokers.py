"""A private vhost of a real broker for a test, and what a test asks of it."""

import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pika

from winnowry.runners.servers.management import Broker

_numbers = itertools.count(1)


@dataclass
class Vhost:
    """A fresh virtual host. ``url`` is the administrator's; ``add_user`` and ``add_exchange`` act in this vhost."""

    broker: Broker
    name: str = field(default_factory=lambda: f"test-{os.getpid()}-{next(_numbers)}")

    @property
    def url(self) -> str:
        return self.broker.url(vhost=self.name)

    def add_user(self, name: str, configure: str = ".*", write: str = ".*", read: str = ".*") -> str:
        """Add a user who may do everything here unless told otherwise; returns its URL."""
        return self.broker.add_user(name, f"secret of {name}", configure, write, read, vhost=self.name)

    def add_exchange(self, name: str) -> None:
        self.broker.add_exchange(name, self.name)

    def connect(self) -> pika.BlockingConnection:
        return pika.BlockingConnection(pika.URLParameters(self.url))

    def queue(self, name: str, exchange: str = "", key: str = "#") -> None:
        """Declare a durable queue, bound to ``exchange`` unless that is empty."""
        with self.connect() as connection:
            channel = connection.channel()
            channel.queue_declare(name, durable=True)
            if exchange:
                channel.queue_bind(name, exchange, key)

    def publish(
        self, exchange: str, key: str, *bodies: bytes, content_type: str = "application/json", **headers: object
    ) -> None:
        """Publish each body, confirmed."""
        properties = pika.BasicProperties(content_type=content_type, delivery_mode=2, headers=headers)
        with self.connect() as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            for body in bodies:
                channel.basic_publish(exchange, key, body, properties)

    def take(self, queue: str, count: int, seconds: float = 30.0) -> list[bytes]:
        """Take exactly ``count`` bodies off a queue, waiting for them; fails when they do not come."""
        bodies: list[bytes] = []
        with self.connect() as connection:
            channel = connection.channel()
            for method, _, body in channel.consume(queue, auto_ack=True, inactivity_timeout=seconds):
                assert method is not None, f"{queue}: {len(bodies)} of {count} messages came within {seconds} s"
                bodies.append(body)
                if len(bodies) == count:
                    break
            channel.cancel()
        return bodies

    def depth(self, queue: str) -> int:
        """Return how many messages of a queue are ready."""
        with self.connect() as connection:
            return int(connection.channel().queue_declare(queue, passive=True).method.message_count)


def eventually(happens: Callable[[], bool], seconds: float = 30.0, what: str = "it") -> None:
    """Return as soon as ``happens()`` is true; fails when that takes longer than ``seconds``."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.01)


def delete(vhost: Vhost, queue: str = "", exchange: str = "") -> None:
    """Delete a queue or an exchange, as an operator would."""
    with vhost.connect() as connection:
        if queue:
            connection.channel().queue_delete(queue)
        else:
            connection.channel().exchange_delete(exchange)
