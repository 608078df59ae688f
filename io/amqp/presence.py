"""Ask a broker which queues and exchanges are there, without changing anything. No PTransform: it serves people, not pumps."""

from collections.abc import Callable, Sequence
from functools import partial

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from winnowry.io.amqp.settings import AmqpSettings
from winnowry.io.amqp.visit import visit
from winnowry.schemas.errors import Terminal, Transient

THERE = "there"
MISSING = "missing"
UNKNOWN = "unknown"

_NOT_FOUND = 404


def look(settings: AmqpSettings, *, queues: Sequence[str] = (), exchanges: Sequence[str] = ()) -> dict[str, str]:
    """Return ``there``, ``missing`` or ``unknown`` for each name. Passive declarations need no permission to configure.

    A broker that cannot be reached, or that lets this user not look, leaves names ``unknown``.
    """
    found = dict.fromkeys([*queues, *exchanges], UNKNOWN)
    try:
        with visit(settings) as connection:
            for name in queues:
                found[name] = _ask(connection, partial(_look_for_queue, name=name))
            for name in exchanges:
                found[name] = _ask(connection, partial(_look_for_exchange, name=name))
    except (Transient, Terminal):
        return found
    return found


def _ask(connection: pika.BlockingConnection, question: Callable[[BlockingChannel], object]) -> str:
    channel = connection.channel()
    try:
        question(channel)
    except ChannelClosedByBroker as error:
        return MISSING if error.reply_code == _NOT_FOUND else UNKNOWN
    channel.close()
    return THERE


def _look_for_queue(channel: BlockingChannel, name: str) -> None:
    channel.queue_declare(name, passive=True)


def _look_for_exchange(channel: BlockingChannel, name: str) -> None:
    channel.exchange_declare(name, passive=True)
