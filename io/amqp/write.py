"""Publish the elements of a pipeline, without the rest of this software."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

import winnowry.io.coders  # noqa: F401  # registers how Messages are encoded
from winnowry.io.amqp.broker import AmqpBroker
from winnowry.io.amqp.registry import connect
from winnowry.io.amqp.settings import AmqpSettings
from winnowry.io.broker import Confirm, Confirmations
from winnowry.schemas.delivery import Message
from winnowry.schemas.errors import Transient, Unreachable
from winnowry.schemas.reasons import Reason

_HANDED_OVER = 500
_PUBLISHED = "published"
_UNROUTABLE = "unroutable"


class Written(NamedTuple):
    """What the broker has taken, and what no queue was bound for (only messages that are ``mandatory``), as Messages."""

    published: PCollection
    unroutable: PCollection


@dataclass(kw_only=True)
class WriteToAmqp(beam.PTransform):
    """Publish Messages, or (routing key, body) pairs to ``exchange``, persistent and confirmed.

    Returns `Written`. ``mandatory``, ``exchange`` and ``content_type`` are for pairs; a Message brings its own. A bundle waits
    ``patience`` seconds for its confirms, then fails with Unreachable; with Transient when the broker refuses a message.

    ::

        written = messages | WriteToAmqp(urls=("amqp://user:password@broker.example.org/",), exchange="xs_user")

    Delivery: at least once; a bundle that is run again publishes again.
    Parallelism: any; bundles of one process share a connection.
    Ordering: kept within a bundle.
    Settled when: the broker has confirmed every message of the bundle.
    """

    urls: tuple[str, ...] = field(repr=False)
    exchange: str = ""
    content_type: str = "application/json"
    mandatory: bool = False
    patience: float = 60.0
    ca_file: str | None = None

    def __post_init__(self) -> None:
        super().__init__()
        self.settings = AmqpSettings(urls=tuple(self.urls), ca_file=self.ca_file, name="winnowry writes")

    def expand(self, elements: PCollection) -> Written:
        """Publish in one fused step."""
        form = Message(
            body=b"", exchange=self.exchange, routing_key="", content_type=self.content_type, mandatory=self.mandatory
        )
        publish = beam.ParDo(_Publish(self.settings, form, self.patience)).with_output_types(Message)
        outputs = elements | publish.with_outputs(_UNROUTABLE, main=_PUBLISHED)
        return Written(outputs[_PUBLISHED], outputs[_UNROUTABLE])


class _Bundle:
    """The messages of one bundle and what the broker says of them. Tokens are their places."""

    def __init__(self) -> None:
        self.messages: list[tuple[Message, Any, Any]] = []
        self.confirms: list[tuple[int, Confirm]] = []
        self._changed = threading.Condition()

    def answered(self, confirmations: Confirmations) -> None:
        with self._changed:
            self.confirms += confirmations
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self.confirms) == len(self.messages), seconds)


class _Publish(beam.DoFn):
    def __init__(self, settings: AmqpSettings, form: Message, patience: float) -> None:
        self._settings = settings
        self._form = form
        self._patience = patience
        self._broker: AmqpBroker | None = None
        self._handed_over = 0
        self._bundle = _Bundle()

    def setup(self) -> None:
        self._broker = connect(self._settings)

    def start_bundle(self) -> None:
        self._bundle = _Bundle()
        self._handed_over = 0

    def process(self, element: Any, timestamp: Any = beam.DoFn.TimestampParam, window: Any = beam.DoFn.WindowParam) -> None:
        self._bundle.messages.append((self._message(element), timestamp, window))
        if len(self._bundle.messages) - self._handed_over >= _HANDED_OVER:
            self._hand_over()

    def finish_bundle(self) -> Iterator[Any]:
        self._hand_over()
        bundle, broker = self._bundle, self._broker
        if broker is None or not bundle.wait(self._patience):
            detail = broker.state().detail if broker is not None else ""
            raise Unreachable(Reason.UNREACHABLE, detail or f"no confirm within {self._patience} s")
        refused = [token for token, confirm in bundle.confirms if confirm is Confirm.REFUSED]
        if refused:
            first = bundle.messages[refused[0]][0]
            raise Transient(Reason.BROKER_REFUSED, f"{len(refused)} messages, the first to {first.exchange!r}")
        for token, confirm in sorted(bundle.confirms, key=lambda answer: answer[0]):
            message, timestamp, window = bundle.messages[token]
            value = WindowedValue(message, timestamp, (window or GlobalWindow(),))
            yield TaggedOutput(_UNROUTABLE, value) if confirm is Confirm.UNROUTABLE else value

    def _hand_over(self) -> None:
        fresh = list(enumerate(self._bundle.messages))[self._handed_over :]
        if fresh and self._broker is not None:
            self._broker.publish([(token, message) for token, (message, _, _) in fresh], self._bundle.answered)
            self._handed_over += len(fresh)

    def _message(self, element: Any) -> Message:
        if isinstance(element, Message):
            return element
        key, body = element
        form = self._form
        return Message(
            body=body, exchange=form.exchange, routing_key=key, content_type=form.content_type, mandatory=form.mandatory
        )
