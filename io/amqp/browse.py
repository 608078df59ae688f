"""Look at the messages of a queue and leave them there. No PTransform: it serves people, not pumps."""

from collections.abc import Iterator

from pika.adapters.blocking_connection import BlockingChannel

from winnowry.io.amqp.frames import decode_properties
from winnowry.io.amqp.settings import AmqpSettings
from winnowry.io.amqp.visit import visit
from winnowry.schemas.delivery import Delivery

_SILENCE = 5.0
"""Seconds without a message after which the rest of what was counted has gone to somebody else."""


def browse(settings: AmqpSettings, queue: str) -> list[Delivery]:
    """Return the messages that are in a queue now, the oldest first. Raises as ``browsing`` does."""
    return list(browsing(settings, queue))


def browsing(settings: AmqpSettings, queue: str) -> Iterator[Delivery]:
    """Yield the messages that are in a queue now, one by one, the oldest first.

    They are held for the time of looking, and go back when the iteration ends; on a quorum queue that counts as a delivery.
    Raises Unreachable, or Terminal where the broker has no such queue or does not let us read it.
    """
    with visit(settings) as connection:
        yield from held(connection.channel(), queue)


def held(channel: BlockingChannel, queue: str) -> Iterator[Delivery]:
    """Take what is in a queue now; it stays ours until it is settled on ``channel`` or that closes."""
    ready = channel.queue_declare(queue, passive=True).method.message_count
    if not ready:
        return
    for number, (method, properties, body) in enumerate(channel.consume(queue, inactivity_timeout=_SILENCE), start=1):
        if method is None:
            break
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
        if number == ready:
            break
    channel.cancel()
