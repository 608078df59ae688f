"""Read a queue into a pipeline, without the rest of this software."""

import queue
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PBegin, PCollection

import winnowry.io.coders  # noqa: F401  # registers how Deliveries are encoded
from winnowry.io.amqp.broker import AmqpBroker
from winnowry.io.amqp.settings import AmqpSettings
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import ConfigError

_PREFETCH_LIMIT = 65_535
"""The most that AMQP can say; it is also the most that one bundle reads."""


@dataclass(kw_only=True)
class ReadFromAmqp(beam.PTransform):
    """Take what is in a queue, at most ``max_messages``, until nothing has come for ``idle_seconds``.

    Returns a PCollection of Delivery. ``urls`` are tried in turn; TLS (``amqps``) is verified with the system's certificates or
    with those of ``ca_file``. Raises ConfigError at construction for settings that cannot work; the pipeline fails with
    Unreachable when there is no broker, Terminal when it denies the queue.

    ::

        with beam.Pipeline() as pipeline:
            deliveries = pipeline | ReadFromAmqp(urls=("amqp://user:password@broker.example.org/",), queue="q_user.archive")

    Delivery: at least once; what a failed bundle had read is delivered again.
    Parallelism: one reader a transform; several transforms, or pipelines, may share a queue.
    Ordering: as the broker hands out, within one bundle.
    Settled when: Beam has committed the bundle that read it; never before.
    """

    urls: tuple[str, ...] = field(repr=False)
    queue: str
    max_messages: int = 10_000
    idle_seconds: float = 1.0
    ca_file: str | None = None

    def __post_init__(self) -> None:
        super().__init__()
        self.settings = AmqpSettings(urls=tuple(self.urls), ca_file=self.ca_file, name=f"winnowry reads {self.queue}")
        if self.max_messages < 1:
            raise ConfigError(f"max_messages: {self.max_messages} is below 1")

    def expand(self, begin: PBegin) -> PCollection:
        """Read in one bundle, then let Beam spread what was read."""
        take = _Take(self.settings, self.queue, self.max_messages, self.idle_seconds)
        return begin | beam.Impulse() | beam.ParDo(take).with_output_types(Delivery)


class _Reading:
    """What one bundle reads, on a connection of its own: closing that returns whatever was not settled."""

    def __init__(self, settings: AmqpSettings, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._arrived: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._taken: list[Delivery] = []
        self._broker = AmqpBroker(settings)

    def deliveries(self, idle_seconds: float) -> Iterator[Delivery]:
        """Yield what arrives. Raises as ``Broker.depth`` does, which finds out whether there is anything to consume from."""
        self._broker.depth(self._name)
        self._broker.consume(self._name, min(self._limit, _PREFETCH_LIMIT), self._arrived.put)
        while len(self._taken) < self._limit:
            try:
                delivery = self._arrived.get(timeout=idle_seconds)
            except queue.Empty:
                break
            self._taken.append(delivery)
            yield delivery
        self._broker.cancel(self._name)

    def commit(self) -> None:
        """Settle what was read, and disconnect. Safe to call again."""
        self._broker.settle(self._taken)
        self._taken = []
        self._broker.close()

    def abandon(self) -> None:
        """Disconnect; whatever is not settled is delivered again."""
        self._broker.close()


class _Take(beam.DoFn):
    def __init__(self, settings: AmqpSettings, name: str, limit: int, idle_seconds: float) -> None:
        self._settings = settings
        self._name = name
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._readings: list[_Reading] = []

    def process(self, _impulse: bytes, finalizer: Any = beam.DoFn.BundleFinalizerParam) -> Iterator[Delivery]:
        reading = _Reading(self._settings, self._name, self._limit)
        self._readings.append(reading)
        finalizer.register(reading.commit)
        yield from reading.deliveries(self._idle_seconds)

    def teardown(self) -> None:
        for reading in self._readings:
            reading.abandon()
        self._readings = []
