import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from brokers import Vhost
from hypothesis import settings

from winnowry.io.amqp import hang_up
from winnowry.io.transfers import close_pools
from winnowry.io.tree import tree_at
from winnowry.runners.direct.sieve import close_memories
from winnowry.runners.servers.management import Broker
from winnowry.runners.servers.nginx import FileServer
from winnowry.runners.servers.rabbitmq import broker

pytest_plugins = ("consecutive", "pytester")

settings.register_profile("winnowry", deadline=None)  # a busy machine is no failure
settings.register_profile("fuzz", deadline=None, max_examples=5_000, print_blob=True)
settings.load_profile("winnowry")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the model go first: its thousands of lives are long in a process that holds what others have left."""
    items.sort(key=lambda item: item.path.name != "test_model.py")


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[Broker]:
    """One real broker for the whole session; tests that kill it start a ``RabbitMQ`` of their own."""
    with broker() as started:
        yield started


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """Closes, after the test, what a process keeps open for as long as it lives: a thousand descriptors are all it may have."""
    yield
    close_pools()
    close_memories()
    tree_at.cache_clear()


@pytest.fixture
def handlers() -> Iterator[None]:
    """Puts back what is done at SIGTERM and Ctrl-C."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def vhost(rabbitmq: Broker) -> Iterator[Vhost]:
    """A fresh virtual host of the session's broker, removed after the test."""
    fresh = Vhost(rabbitmq)
    rabbitmq.add_vhost(fresh.name)
    yield fresh
    hang_up()
    rabbitmq.remove_vhost(fresh.name)


@pytest.fixture
def file_server() -> Iterator[Callable[[Path], FileServer]]:
    """A function that serves a folder through nginx until the test is over."""
    with ExitStack() as servers:
        yield lambda root: servers.enter_context(FileServer(root))
