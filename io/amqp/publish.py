"""Publishing with confirms, every tag tracked, in a window; what a lost channel leaves unanswered is published again."""

import struct
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import pika
from pika import spec

from winnowry.io.amqp.frames import Encoder
from winnowry.io.amqp.wire import Wire
from winnowry.io.broker import Confirm, Confirmations
from winnowry.schemas.delivery import Message

NUMBER = 1
"""The channel that publishes."""
WINDOW = 2000
"""How many messages may be unconfirmed at the broker; more wait here."""
_WRITE = 128 * 1024
_ACK, _NACK = spec.Basic.Ack.INDEX, spec.Basic.Nack.INDEX
_CONFIRM = struct.Struct(">IQB")

Answered = Callable[[Confirmations], None]


class Parcel:
    """A message on its way: its token, whom to answer, and its first two frames."""

    __slots__ = ("answered", "head", "message", "returned", "token")

    def __init__(self, token: Any, message: Message, head: bytes, answered: Answered) -> None:
        self.token = token
        self.message = message
        self.head = head
        self.answered = answered
        self.returned = False

    def equals(self, method: spec.Basic.Return, body: bytes) -> bool:
        """Whether the broker could have returned this one: mandatory, not returned before, the same route and body."""
        message = self.message
        return (
            message.mandatory
            and not self.returned
            and message.routing_key == method.routing_key
            and message.exchange == method.exchange
            and message.body == body
        )


class Publisher:
    """The publishing channel of one connection. All methods but ``pack`` belong to the connection's thread."""

    def __init__(self) -> None:
        self._encoder = Encoder(NUMBER)
        self._waiting: deque[Parcel] = deque()
        self._sent: list[Parcel | None] = []
        self._first = 1
        self._answers: list[tuple[Parcel, Confirm]] = []
        self._careful = 0
        self._returned_to = 0
        self._wire: Wire | None = None
        self.blocked = False

    @property
    def idle(self) -> bool:
        """Whether nothing waits for an answer."""
        return not self._waiting and not self._sent and not self._answers

    def pack(self, batch: Sequence[tuple[Any, Message]], answered: Answered) -> list[Parcel]:
        """Encode, in any thread. Raises Malformed where AMQP has no room for a name, key or header."""
        head = self._encoder.head
        return [Parcel(token, message, head(message), answered) for token, message in batch]

    def send(self, parcels: Sequence[Parcel]) -> None:
        """Publish, now or as soon as there is a channel and room in the window."""
        self._waiting.extend(parcels)
        self._flush()

    def open(self, channel: pika.channel.Channel, wire: Wire) -> None:
        """Begin anew on a channel that is in confirm mode."""
        channel.add_on_return_callback(self._returned)
        wire.inlets[NUMBER] = self
        self._wire = wire
        self._flush()

    def lose(self, careful: bool) -> None:
        """The channel is gone: what it left unanswered goes first on the next one, in order.

        ``careful`` says that the broker closed it because of one of these: they go one at a time, so that the good ones are
        not published again with every attempt at the bad one.
        """
        left = [parcel for parcel in self._sent if parcel is not None]
        for parcel in left:
            parcel.returned = False
        self._waiting.extendleft(reversed(left))
        self._careful = max(self._careful, len(left)) if careful else self._careful
        self._sent.clear()
        self._first, self._returned_to = 1, 0
        if self._wire is not None:
            self._wire.inlets.pop(NUMBER, None)
        self._wire = None

    def resume(self, blocked: bool) -> None:
        """Stop or go on, as the broker says."""
        self.blocked = blocked
        self._flush()

    def drained(self) -> bool:
        """Everything that had arrived is read: answer, and use the room in the window. Return whether there were answers."""
        answers, self._answers = self._answers, []
        start = 0
        for index in range(1, len(answers) + 1):
            if index == len(answers) or answers[index][0].answered != answers[start][0].answered:
                answers[start][0].answered([(parcel.token, confirm) for parcel, confirm in answers[start:index]])
                start = index
        if answers:
            self._careful = max(0, self._careful - len(answers))
            self._flush()
        return bool(answers)

    def take(self, buffer: bytes, start: int, stop: int) -> int:
        """Take the broker's acks and nacks (`wire.Inlet`)."""
        if stop - start != _CONFIRM.size:
            return 0
        method, tag, flags = _CONFIRM.unpack_from(buffer, start)
        if method not in (_ACK, _NACK):
            return 0
        self._confirm(tag, bool(flags & 1), Confirm.CONFIRMED if method == _ACK else Confirm.REFUSED)
        return stop + 1

    def _confirm(self, tag: int, multiple: bool, confirm: Confirm) -> None:
        place = tag - self._first if tag else len(self._sent) - 1
        if multiple:
            self._answer(self._sent[: place + 1], confirm)
            del self._sent[: place + 1]
            self._first += place + 1
        else:
            self._answer(self._sent[place : place + 1], confirm)
            self._sent[place] = None
        self._trim()

    def _answer(self, parcels: Sequence[Parcel | None], confirm: Confirm) -> None:
        self._answers += [
            (parcel, Confirm.UNROUTABLE if parcel.returned else confirm) for parcel in parcels if parcel is not None
        ]

    def _trim(self) -> None:
        answered = 0
        for parcel in self._sent:
            if parcel is not None:
                break
            answered += 1
        if answered:
            del self._sent[:answered]
            self._first += answered

    def _returned(self, _channel: Any, method: spec.Basic.Return, _properties: Any, body: bytes) -> None:
        """Mark the message that was returned: the broker returns in the order of publishing, and confirms afterwards."""
        start = max(0, self._returned_to - self._first)
        for place in range(start, len(self._sent)):
            parcel = self._sent[place]
            if parcel is not None and parcel.equals(method, body):
                parcel.returned = True
                self._returned_to = self._first + place + 1
                return

    def _flush(self) -> None:
        wire = self._wire
        if wire is None or self.blocked:
            return
        window = 1 if self._careful else WINDOW
        while self._waiting and len(self._sent) < window:
            wire.emit(self._next_write(wire.body_limit, window))

    def _next_write(self, limit: int, window: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while self._waiting and len(self._sent) < window and size < _WRITE:
            parcel = self._waiting.popleft()
            self._sent.append(parcel)
            pieces += (parcel.head, self._encoder.body(parcel.message.body, limit))
            size += len(parcel.message.body)
        return b"".join(pieces)
