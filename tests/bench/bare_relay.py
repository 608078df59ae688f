"""What a pump in Python is measured against: consume, publish with confirms, acknowledge; nothing read, nothing checked.

Usage: bare_relay.py AMQP_URL QUEUE EXCHANGE
"""

import sys
from collections import deque
from typing import Any

import pika

PREFETCH = 1000
BATCH = 500
"""Confirms after which what they stand for is acknowledged at once."""


class Relay:
    """One connection, one channel. Persistent messages of one stream are confirmed in their order by a classic queue."""

    def __init__(self, queue: str, exchange: str) -> None:
        self.queue, self.exchange = queue, exchange
        self.unconfirmed: deque[int] = deque()
        self.published = self.acknowledged = 0

    def opened(self, connection: pika.SelectConnection) -> None:
        connection.channel(on_open_callback=self.ready)

    def ready(self, channel: pika.channel.Channel) -> None:
        self.channel = channel
        channel.basic_qos(prefetch_count=PREFETCH)
        channel.confirm_delivery(self.confirmed, callback=lambda _: channel.basic_consume(self.queue, self.relay))

    def relay(self, channel: pika.channel.Channel, method: Any, properties: Any, body: bytes) -> None:
        self.unconfirmed.append(method.delivery_tag)
        channel.basic_publish(self.exchange, method.routing_key, body, properties)

    def confirmed(self, frame: Any) -> None:
        tag = 0
        while self.published < frame.method.delivery_tag:
            self.published += 1
            tag = self.unconfirmed.popleft()
        if tag and (self.published - self.acknowledged >= BATCH or not self.unconfirmed):
            self.channel.basic_ack(tag, multiple=True)
            self.acknowledged = self.published


if __name__ == "__main__":
    relay = Relay(*sys.argv[2:])
    pika.SelectConnection(pika.URLParameters(sys.argv[1]), on_open_callback=relay.opened).ioloop.start()
