"""Messages over AMQP 0-9-1."""

from winnowry.io.amqp.broker import AmqpBroker
from winnowry.io.amqp.registry import connect, hang_up
from winnowry.io.amqp.settings import AmqpSettings, without_password

__all__ = ["AmqpBroker", "AmqpSettings", "connect", "hang_up", "without_password"]
