"""Look at the messages of a queue and leave them there. No PTransform: it serves people, not pumps."""

from collections.abc import Iterator

import pika
from pika.adapters.blocking_connection import BlockingChannel

from winnowry.io.amqp.errors import translated
from winnowry.io.amqp.settings import AmqpSettings
from winnowry.schemas.delivery import Delivery


def browse(settings: AmqpSettings, queue: str, limit: int = 10_000) -> list[Delivery]:
    """Return at most ``limit`` messages of a queue, the oldest first.

    They are held for the moment of looking, and go back when the connection closes; on a quorum queue that counts as a
    delivery. Raises Unreachable, or Terminal where the broker has no such queue or does not let us read it.
    """
    with translated(), _connect(settings) as connection:
        return list(_held(connection.channel(), queue, limit))


def _connect(settings: AmqpSettings) -> pika.BlockingConnection:
    return pika.BlockingConnection([settings.parameters(attempt) for attempt in range(len(settings.urls))])


def _held(channel: BlockingChannel, queue: str, limit: int) -> Iterator[Delivery]:
    for _ in range(limit):
        method, properties, body = channel.basic_get(queue)
        if method is None:
            return
        yield Delivery(
            body=body,
            queue=queue,
            exchange=method.exchange,
            routing_key=method.routing_key,
            content_type=properties.content_type,
            headers=properties.headers or {},
            tag=method.delivery_tag,
            redelivered=method.redelivered,
        )
