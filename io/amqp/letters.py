"""Resubmit or drop dead letters. No PTransform: it serves people, not pumps."""

import queue
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from itertools import islice

from pika.adapters.blocking_connection import BlockingChannel

from winnowry.io.amqp.broker import AmqpBroker
from winnowry.io.amqp.browse import held
from winnowry.io.amqp.settings import AmqpSettings
from winnowry.io.amqp.visit import visit
from winnowry.io.broker import Confirm, Confirmations
from winnowry.io.dead import DeadLetter, dead_queue, read_letter, resubmission
from winnowry.schemas.delivery import Message
from winnowry.schemas.errors import Terminal, Unreachable
from winnowry.schemas.reasons import Reason

_BATCH = 500
"""Letters whose copies are confirmed together."""

Watch = Callable[[int], object]
"""Told, now and then, how many letters have been dealt with."""


def _nobody(_done: int) -> None:
    """Watch nothing."""


def drop(settings: AmqpSettings, account: str, pump: str, names: Collection[str], watch: Watch = _nobody) -> int:
    """Remove the dead letters with these names; return how many there were. Raises as ``browse`` does."""
    done = 0
    with visit(settings) as connection:
        channel = connection.channel()
        for letters in _batches(_chosen(channel, account, pump, names)):
            _remove(channel, letters)
            done += len(letters)
            watch(done)
    return done


def resubmit(
    settings: AmqpSettings,
    account: str,
    pump: str,
    names: Collection[str],
    *,
    clock: Callable[[], int] = time.time_ns,
    watch: Watch = _nobody,
) -> int:
    """Let the pump try the dead letters with these names again; return how many there were.

    Each copy is confirmed before its letter is removed: whoever is interrupted leaves letters, some of which were resubmitted
    already, and loses none. Raises as ``browse`` does, and Terminal where the broker would not keep a copy.
    """
    done = 0
    with closing(AmqpBroker(settings)) as broker, visit(settings) as connection:
        channel = connection.channel()
        for letters in _batches(_chosen(channel, account, pump, names)):
            now = clock()
            copies = [resubmission(letter, now, account=account, pump=pump) for letter in letters]
            kept = _publish(broker, copies, settings.patience)
            _remove(channel, [letters[number] for number in kept])
            done += len(kept)
            watch(done)
            if len(kept) < len(letters):
                detail = f"{copies[0].routing_key} did not take every copy; what it did not take is a dead letter still"
                raise Terminal(Reason.BROKER_REFUSED, detail)
    return done


def _chosen(channel: BlockingChannel, account: str, pump: str, names: Collection[str]) -> Iterator[DeadLetter]:
    wanted = frozenset(names)
    letters = map(read_letter, held(channel, dead_queue(account, pump).name))
    return (letter for letter in letters if letter.name in wanted)


def _batches(letters: Iterator[DeadLetter]) -> Iterator[list[DeadLetter]]:
    while batch := list(islice(letters, _BATCH)):
        yield batch


def _remove(channel: BlockingChannel, letters: Sequence[DeadLetter]) -> None:
    for letter in letters:
        channel.basic_ack(letter.message.tag)


def _publish(broker: AmqpBroker, copies: Sequence[Message], patience: float) -> list[int]:
    """Return the numbers of those copies that the broker has confirmed, once it has answered them all."""
    answers: queue.SimpleQueue[Confirmations] = queue.SimpleQueue()
    broker.publish(list(enumerate(copies)), answers.put)
    answered: dict[int, Confirm] = {}
    while len(answered) < len(copies):
        try:
            answered.update(answers.get(timeout=patience))
        except queue.Empty:
            detail = f"{broker.name} does not confirm what is resubmitted; the letters stay where they are"
            raise Unreachable(Reason.UNREACHABLE, detail) from None
    return [number for number, answer in answered.items() if answer is Confirm.CONFIRMED]
