"""Look at the messages of a queue and leave them there. No PTransform: it serves people, not pumps."""

from collections.abc import Iterator

from pika.adapters.blocking_connection import BlockingChannel

from winnowry.io.amqp.frames import decode_properties
from winnowry.io.amqp.settings import AmqpSettings
from winnowry.io.amqp.visit import visit
from winnowry.schemas.delivery import Delivery


def browse(settings: AmqpSettings, queue: str, limit: int = 10_000) -> list[Delivery]:
    """Return at most ``limit`` messages of a queue, the oldest first.

    They are held for the moment of looking, and go back when the connection closes; on a quorum queue that counts as a
    delivery. Raises Unreachable, or Terminal where the broker has no such queue or does not let us read it.
    """
    with visit(settings) as connection:
        return list(held(connection.channel(), queue, limit))


def held(channel: BlockingChannel, queue: str, limit: int) -> Iterator[Delivery]:
    """Take what is in a queue now; it stays ours until it is settled on ``channel`` or that closes."""
    ready = channel.queue_declare(queue, passive=True).method.message_count
    for _ in range(min(ready, limit)):
        method, properties, body = channel.basic_get(queue)
        if method is None:
            return
        content_type, headers = decode_properties(b"".join(properties.encode()))
        yield Delivery(
            body=body,
            queue=queue,
            exchange=method.exchange,
            routing_key=method.routing_key,
            content_type=content_type,
            headers=headers,
            tag=method.delivery_tag,
            redelivered=method.redelivered,
        )
