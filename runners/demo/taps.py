"""Copies of everything that crosses the exchanges of a network, kept by the broker until they are read."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

import msgspec
import pika
from pika.adapters.blocking_connection import BlockingChannel


class Sighting(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One announcement on an exchange: some of v03's fields, read without any of the pumps' own code."""

    rel_path: str
    pub_time: str
    origin_path: str | None = None
    source: str = ""
    size: int = 0
    file_op: dict[str, str] | None = None

    @property
    def path(self) -> str:
        """The path as first announced."""
        return self.origin_path or self.rel_path

    @property
    def kind(self) -> str:
        """Whether it announces a ``file``, a ``link`` or a ``folder``."""
        if self.file_op is None:
            return "file"
        return "link" if "link" in self.file_op else "folder"


class Taps:
    """A queue on each of ``exchanges``, which must exist, from entering the context until its end.

    The messages stay on the broker: ``count`` costs one question, so that watching hardly disturbs what is watched.
    """

    def __init__(self, amqp: str, exchanges: Sequence[str]) -> None:
        self._exchanges = exchanges
        parameters = pika.URLParameters(amqp)
        parameters.heartbeat = 0  # nobody attends to it while the pumps start, which on Flink takes minutes on a busy machine
        self._connection = pika.BlockingConnection(parameters)
        self._channel: BlockingChannel = self._connection.channel()

    def count(self, exchange: str) -> int:
        """Return how many announcements ``exchange`` has taken and ``read`` has not returned."""
        answer = self._channel.queue_declare(_queue(exchange), passive=True)
        return int(answer.method.message_count)

    def read(self, exchange: str) -> list[Sighting]:
        """Return everything that ``exchange`` has taken, in its order; once."""
        return [msgspec.json.decode(body, type=Sighting) for body in self._bodies(_queue(exchange), self.count(exchange))]

    def _bodies(self, queue: str, count: int) -> Iterator[bytes]:
        if count:
            for number, (_, _, body) in enumerate(self._channel.consume(queue, auto_ack=True), start=1):
                yield body
                if number == count:
                    break
            self._channel.cancel()

    def __enter__(self) -> Self:
        for exchange in self._exchanges:
            self._channel.queue_declare(_queue(exchange), durable=True)
            self._channel.queue_bind(_queue(exchange), exchange, "#")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for exchange in self._exchanges:
            self._channel.queue_delete(_queue(exchange))
        self._connection.close()


def _queue(exchange: str) -> str:
    return f"tap_{exchange}"
