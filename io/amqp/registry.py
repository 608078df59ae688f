"""The connections of this process: one for each configuration, shared by whoever asks."""

import threading

from winnowry.io.amqp.broker import AmqpBroker
from winnowry.io.amqp.settings import AmqpSettings

_lock = threading.Lock()
_brokers: dict[AmqpSettings, AmqpBroker] = {}


def connect(settings: AmqpSettings) -> AmqpBroker:
    """Return the connection with these settings, a new one if there is none or it was closed. It need not stand yet."""
    with _lock:
        broker = _brokers.get(settings)
        if broker is None or broker.state().state == "closed":
            broker = _brokers[settings] = AmqpBroker(settings)
        return broker


def hang_up() -> None:
    """Close all connections of this process, each when what is being published has been answered."""
    with _lock:
        brokers = list(_brokers.values())
        _brokers.clear()
    for broker in brokers:
        broker.close()
