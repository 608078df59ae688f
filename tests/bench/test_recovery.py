"""How soon a pump is back at its full rate: after the broker was away, and after it was killed itself.

The rate is what it announces in a second, with more waiting than it can do. `RECOVERY_EVIDENCE=FILE` records what was measured.
"""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import evidence
import pika
import pika.exceptions
import pytest
from brokers import Vhost, eventually
from clusters import Cluster, child
from inbox import publish

from winnowry.io.amqp import AmqpBroker, AmqpSettings
from winnowry.runners.servers.nginx import FileServer
from winnowry.runners.servers.rabbitmq import RabbitMQ
from winnowry.schemas.delivery import Message
from winnowry.schemas.post import Post
from winnowry.schemas.times import write_time
from winnowry.schemas.v03 import write_v03

pytestmark = [pytest.mark.e2e, pytest.mark.bench]

FULL = 0.8
"""What of the rate before counts as full."""
BROKER_SECONDS = 5.0
KILL_SECONDS = 10.0
TAP = "tap_xpublic"
QUEUE = "q_feeder.pump"
PUMPS = {
    "winnow": "pump: {{kind: winnow, from: xwinnow, to: xpublic}}",
    "sarra": 'pump: {{kind: sarra, from: xwinnow, to: xpublic, base_url: "{url}"}}',
}
WORK = {"winnow": 150_000, "sarra": 50_000}
"""Announcements: what lasts for longer than the pump may take to come back."""
NAMES = 50_000
"""Names that one file is given; a file system allows 65,000 of them."""
BEFORE_SECONDS = 3.0


@dataclass
class Meter:
    """How many announcements a tap has had, at which time, of the last second; ``connected`` is when it first got through."""

    url: str
    counts: deque[tuple[float, int]] = field(default_factory=deque)
    connected: float = 0.0

    def __enter__(self) -> "Meter":
        self._connection = self._connect()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(pika.exceptions.AMQPError):
            self._connection.close()

    def again(self) -> None:
        """Connect anew, as soon as the broker accepts connections."""
        self._connection = self._connect()
        self.counts.clear()

    def rate(self) -> float:
        """Look once more, and return how many a second there were over the last second; 0 before a second has passed."""
        now, count = time.monotonic(), self.look()
        self.counts.append((now, count))
        while len(self.counts) > 2 and self.counts[1][0] <= now - 1.0:
            self.counts.popleft()
        since, then = self.counts[0]
        return (count - then) / (now - since) if now - since >= 1.0 else 0.0

    def look(self) -> int:
        """Return how many announcements there have been."""
        return int(self._channel.queue_declare(TAP, passive=True).method.message_count)

    def _connect(self) -> pika.BlockingConnection:
        deadline = time.monotonic() + 120.0
        while True:
            try:
                connection = pika.BlockingConnection(pika.URLParameters(self.url))
            except (pika.exceptions.AMQPError, OSError):
                assert time.monotonic() < deadline, "the broker did not come back"
                continue
            self.connected = time.monotonic()
            self._channel = connection.channel()
            return connection


@pytest.fixture(scope="module")
def broker() -> Iterator[RabbitMQ]:
    """A broker of our own, which is killed."""
    with RabbitMQ() as started:
        yield started


@pytest.fixture(params=["winnow", "sarra"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cluster(broker: RabbitMQ, tmp_path: Path, kind: str) -> Iterator[Cluster]:
    """A pump with more to do than it can, running."""
    vhost = Vhost(broker)
    broker.add_vhost(vhost.name)
    with ExitStack() as stack:
        made = stack.enter_context(Cluster(vhost, tmp_path, exchanges=("xwinnow", "xpublic")))
        served = stack.enter_context(FileServer(made.data))
        source = stack.enter_context(FileServer(tmp_path / "source"))
        vhost.queue(TAP, "xpublic")
        vhost.queue(QUEUE, "xwinnow")
        made.write(PUMPS[kind].format(url=served.url), exchanges="[xwinnow]")
        give_work(vhost, tmp_path / "source", source.url, WORK[kind])
        yield made
    if broker.running:
        broker.remove_vhost(vhost.name)


def give_work(vhost: Vhost, tree: Path, url: str, count: int) -> None:
    """Announce so many files, which are few under many names."""
    (tree / "a").mkdir(parents=True)
    for number in range(count):
        path, named_first = tree / "a" / str(number), tree / "a" / str(number - number % NAMES)
        if path == named_first:
            path.write_bytes(b"x" * 1000)
        else:
            os.link(named_first, path)
    now = write_time(time.time_ns())
    posts = [Post(pub_time=now, base_url=url, rel_path=f"a/{number}", source="alice", size=1000) for number in range(count)]
    carrier = AmqpBroker(AmqpSettings(urls=(vhost.url,)))
    kind = "application/json"
    publish(
        carrier, [Message(body=write_v03(post), exchange="xwinnow", routing_key="v03.a", content_type=kind) for post in posts]
    )
    carrier.close()


def recovered(meter: Meter, before: float, since: float) -> float:
    """Return how many seconds after ``since`` the last second was at full rate."""
    eventually(lambda: meter.rate() >= FULL * before, 60.0, f"a rate of {FULL} of {before:.0f}/s")
    return time.monotonic() - since


def at_full_rate(meter: Meter) -> float:
    """Return the mean rate over some seconds, a second after the pump has begun to announce."""
    eventually(lambda: meter.look() > 0, 60.0, "the first announcement")
    eventually(lambda: meter.rate() > 0, 60.0, "a second of work")
    began, count = time.monotonic(), meter.look()
    eventually(lambda: time.monotonic() - began >= BEFORE_SECONDS)
    return (meter.look() - count) / (time.monotonic() - began)


def tell(kind: str, what: str, before: float, seconds: float, bound: float) -> None:
    """Print what was measured, and record it where that was asked for."""
    print(f"{kind}: {what}: {before:.0f}/s before, at {FULL} of it again after {seconds:.1f} s, {bound:.0f} s are promised")
    if file := os.environ.get("RECOVERY_EVIDENCE"):
        path = Path(file)
        found, present = evidence.read(path), evidence.circumstances()
        told = found if found and evidence.same_code(found, present) else present | {"cases": {}}
        told["cases"][f"{kind}: {what}"] = [round(before), round(seconds, 1), bound]
        columns = ("case", "announcements/s before", "seconds until 0.8 of that", "promised")
        rows = [(case, *figures) for case, figures in told["cases"].items()]
        evidence.write(path, told, "\n".join([*evidence.heading("Recovery", told), "", *evidence.table(columns, rows)]) + "\n")


def killed(broker: RabbitMQ) -> None:
    broker.kill()


def stopped(broker: RabbitMQ) -> None:
    broker.stop()


@pytest.mark.parametrize("end", [killed, stopped])
def test_a_pump_is_back_at_its_rate_five_seconds_after_the_broker_is(
    cluster: Cluster, broker: RabbitMQ, kind: str, end: Callable[[RabbitMQ], None]
) -> None:
    with Meter(cluster.vhost.url) as meter:
        cluster.start()
        before = at_full_rate(meter)
        end(broker)
        assert broker.running is False
        starting = threading.Thread(target=broker.start)
        starting.start()
        meter.again()
        seconds = recovered(meter, before, meter.connected)
        starting.join()
    tell(kind, f"broker {end.__name__}", before, seconds, BROKER_SECONDS)
    assert seconds <= BROKER_SECONDS


def test_a_pump_that_is_killed_is_back_at_its_rate_after_ten_seconds(cluster: Cluster, kind: str) -> None:
    with Meter(cluster.vhost.url) as meter:
        running = cluster.start()
        before = at_full_rate(meter)
        os.kill(child(running, "pump"), signal.SIGKILL)
        since = time.monotonic()
        meter.counts.clear()
        meter.counts.clear()
        seconds = recovered(meter, before, since)
    tell(kind, "pump killed", before, seconds, KILL_SECONDS)
    assert seconds <= KILL_SECONDS
