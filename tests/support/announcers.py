"""Sources that announce the same files, each to an exchange of its own, while something else happens."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from brokers import Vhost
from inbox import publish
from relays import a_file, announcement

from winnowry.io.amqp import AmqpBroker, AmqpSettings
from winnowry.schemas.edge import InputEdge


@contextmanager
def announcing(
    vhost: Vhost, edges: Sequence[InputEdge], names: Sequence[str], *, at_once: int, pause: float = 0.0
) -> Iterator[None]:
    """Let each source announce these files, ``at_once`` of them and then a pause in seconds; leave when all have.

    The content of a file is its name. When the body fails, they stop.
    """
    over = threading.Event()

    def announce(edge: InputEdge) -> None:
        broker = AmqpBroker(AmqpSettings(urls=(vhost.url,), name=edge.exchange))
        for start in range(0, len(names), at_once):
            publish(broker, [announcement(a_file(name, name), edge) for name in names[start : start + at_once]])
            if over.wait(pause):
                break
        broker.close()

    threads = [threading.Thread(target=announce, args=(edge,), name=edge.exchange) for edge in edges]
    for thread in threads:
        thread.start()
    try:
        yield
    except BaseException:
        over.set()
        raise
    finally:
        for thread in threads:
            thread.join()
