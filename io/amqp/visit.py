"""A short visit to a broker, for the command line: a connection of its own, whose calls wait. No PTransform."""

from collections.abc import Iterator
from contextlib import contextmanager

import pika

from winnowry.io.amqp.errors import translated
from winnowry.io.amqp.settings import AmqpSettings


@contextmanager
def visit(settings: AmqpSettings) -> Iterator[pika.BlockingConnection]:
    """Connect to the first URL that answers, and disconnect in the end. Raises Unreachable, or Terminal when denied."""
    with translated():
        connection = pika.BlockingConnection([settings.parameters(attempt) for attempt in range(len(settings.urls))])
        try:
            yield connection
        finally:
            if connection.is_open:
                connection.close()
