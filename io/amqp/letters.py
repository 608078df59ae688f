"""Resubmit or drop dead letters. No PTransform: it serves people, not pumps."""

import time
from collections.abc import Callable, Collection
from functools import partial

from pika import spec
from pika.adapters.blocking_connection import BlockingChannel

from winnowry.io.amqp.browse import held
from winnowry.io.amqp.frames import decode_properties, encode_properties
from winnowry.io.amqp.settings import AmqpSettings
from winnowry.io.amqp.visit import visit
from winnowry.io.dead import DeadLetter, dead_queue, read_letter, resubmission
from winnowry.schemas.delivery import Message

_LIMIT = 10_000


def drop(settings: AmqpSettings, account: str, pump: str, names: Collection[str]) -> int:
    """Remove the dead letters with these names; return how many there were. Raises as ``browse`` does."""
    return _settle(settings, dead_queue(account, pump).name, names, _nothing)


def resubmit(
    settings: AmqpSettings, account: str, pump: str, names: Collection[str], clock: Callable[[], int] = time.time_ns
) -> int:
    """Let the pump try the dead letters with these names again; return how many there were. Raises as ``browse`` does.

    Each copy is confirmed before its letter is removed.
    """
    again = partial(_try_again, account=account, pump=pump, clock=clock)
    return _settle(settings, dead_queue(account, pump).name, names, again)


def _settle(
    settings: AmqpSettings, queue: str, names: Collection[str], act: Callable[[BlockingChannel, DeadLetter], None]
) -> int:
    with visit(settings) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        chosen = [letter for letter in map(read_letter, held(channel, queue, _LIMIT)) if letter.name in names]
        for letter in chosen:
            act(channel, letter)
            channel.basic_ack(letter.message.tag)
        return len(chosen)


def _nothing(_channel: BlockingChannel, _letter: DeadLetter) -> None:
    """A dropped letter leaves nothing."""


def _try_again(channel: BlockingChannel, letter: DeadLetter, *, account: str, pump: str, clock: Callable[[], int]) -> None:
    _publish(channel, resubmission(letter, clock(), account=account, pump=pump))


def _publish(channel: BlockingChannel, message: Message) -> None:
    content_type, headers = decode_properties(encode_properties(message.content_type, message.headers))
    properties = spec.BasicProperties(content_type=content_type, headers=dict(headers), delivery_mode=2)
    channel.basic_publish(message.exchange, message.routing_key, message.body, properties, mandatory=True)
