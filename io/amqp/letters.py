"""What an operator does with a dead-letter queue; run from a command line, so over a connection of its own that waits."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pika
from pika import spec

from winnowry.io.amqp.errors import translated
from winnowry.io.amqp.frames import decode_properties, encode_properties
from winnowry.io.amqp.settings import AmqpSettings
from winnowry.io.dead import DeadLetter, dead_queue, read_letter, resubmission
from winnowry.schemas.delivery import Delivery, Message


def browse(settings: AmqpSettings, account: str, pump: str) -> list[DeadLetter]:
    """Return the dead letters of a pump, oldest first, and leave them where they are.

    Raises Unreachable, or Terminal where the broker denies it or there is no such queue.
    """
    with _channel(settings) as channel:
        return [letter for _, letter in _letters(channel, account, pump)]


def drop(settings: AmqpSettings, account: str, pump: str, names: Collection[str]) -> int:
    """Remove the dead letters with these names; return how many there were. Raises as `browse` does."""
    return _settle(settings, account, pump, names, lambda _channel, _letter: None)


def resubmit(
    settings: AmqpSettings, account: str, pump: str, names: Collection[str], clock: Callable[[], int] = time.time_ns
) -> int:
    """Let the pump try the dead letters with these names again; return how many there were. Raises as `browse` does.

    Each copy is confirmed before its letter is removed.
    """

    def again(channel: Any, letter: DeadLetter) -> None:
        _publish(channel, resubmission(letter, clock(), account=account, pump=pump))

    return _settle(settings, account, pump, names, again)


def _settle(
    settings: AmqpSettings, account: str, pump: str, names: Collection[str], act: Callable[[Any, DeadLetter], None]
) -> int:
    with _channel(settings) as channel:
        chosen = [(tag, letter) for tag, letter in _letters(channel, account, pump) if letter.name in names]
        for tag, letter in chosen:
            act(channel, letter)
            channel.basic_ack(tag)
        return len(chosen)


def _letters(channel: Any, account: str, pump: str) -> Iterator[tuple[int, DeadLetter]]:
    """Yield what is there now. Nothing is acknowledged here: what is left unsettled goes back when the channel closes."""
    queue = dead_queue(account, pump).name
    count = channel.queue_declare(queue, passive=True).method.message_count
    for _ in range(count):
        method, properties, body = channel.basic_get(queue)
        if method is None:
            return
        yield method.delivery_tag, read_letter(_delivery(queue, method, properties, body))


def _delivery(queue: str, method: spec.Basic.GetOk, properties: spec.BasicProperties, body: bytes) -> Delivery:
    content_type, headers = decode_properties(b"".join(properties.encode()))
    return Delivery(
        body=body,
        queue=queue,
        exchange=method.exchange,
        routing_key=method.routing_key,
        content_type=content_type,
        headers=headers,
        tag=method.delivery_tag,
        redelivered=method.redelivered,
    )


def _publish(channel: Any, message: Message) -> None:
    properties = spec.BasicProperties().decode(encode_properties(message.content_type, message.headers))
    channel.basic_publish(message.exchange, message.routing_key, message.body, properties, mandatory=True)


@contextmanager
def _channel(settings: AmqpSettings) -> Iterator[Any]:
    with translated():
        connection = pika.BlockingConnection([settings.parameters(attempt) for attempt in range(len(settings.urls))])
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel
        finally:
            if connection.is_open:
                connection.close()
