"""What speedos tell on an exchange of a real broker, taken down as it comes."""

import threading
import time
from types import TracebackType
from typing import Self

import pika

from winnowry.schemas.rate import Dimension, Rate, Sums, read_rate, standing
from winnowry.schemas.times import read_time


class Rates:
    """Hears an exchange while its context is open.

    ``lateness`` is how many seconds after the end of its window each Rate came that tells of something.
    """

    def __init__(self, url: str, exchange: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(queue, exchange, "v03.rate.#")
        self._channel.basic_consume(queue, self._take, auto_ack=True)
        self._thread = threading.Thread(target=self._channel.start_consuming, daemon=True)
        self._heard: list[Rate] = []
        self.lateness: list[float] = []

    def _take(self, _channel: object, _method: object, _properties: object, body: bytes) -> None:
        rate = read_rate(body)
        self._heard.append(rate)
        if rate.good or rate.bad:
            self.lateness.append(time.time() - read_time(rate.end) / 1e9)

    def total(self, dimension: Dimension = "all", key: str = "") -> Sums:
        """Return the sums of all windows for one dimension and key."""
        rates = standing(list(self._heard))
        return sum((rate.sums for rate in rates if (rate.dimension, rate.key) == (dimension, key)), start=Sums())

    @property
    def keys(self) -> set[tuple[Dimension, str]]:
        """What Rates were told for."""
        return {(rate.dimension, rate.key) for rate in standing(list(self._heard))}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.add_callback_threadsafe(self._channel.stop_consuming)
        self._thread.join()
        self._connection.close()
