"""Two sources and one pump on a real broker: where a pump dies, and what has to be true afterwards."""

import hashlib
import itertools
import shutil
import signal
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Self

import lmdb
from arrivals import a_post
from audits import Audit
from brokers import Vhost, eventually
from clusters import Cluster, holds
from dying import MAY_LEAVE_INTENTS, Death, PumpProcess
from witness import Witness

from winnowry.io.amqp import hang_up
from winnowry.runners.control import socket_of
from winnowry.runners.servers.management import Broker
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.post import Post
from winnowry.schemas.report import Report
from winnowry.schemas.times import write_time
from winnowry.schemas.topics import topic_of
from winnowry.schemas.v03 import read_v03, write_v03

SOURCES = ("alice", "bob")
PUMP = "pump"
INSIDE = ("subscribe", "shovel")
"""Kinds of pumps that listen to exchanges within the cluster here, not to users."""
AILING = "ails"
LARGE = 400_000
"""Bytes of the one file of a case that comes in many pieces."""
LOOKS = 5

Name = tuple[str, str]
"""What tells one Post from another: its path and when it was announced."""


class Stage:
    """A cluster with one pump, made once for many cases, each of which plants files of its own and lets lives follow.

    ``options`` are those of the pump beside its kind. It has two instances, so that reservations are kept on the disk.
    """

    def __init__(self, vhost: Vhost, folder: Path, kind: str, options: str = "") -> None:
        self.vhost = vhost
        self.kind = kind
        self.tree = folder / "tree"
        self.tree.mkdir()
        self.memory = folder / "state" / PUMP / "memory"
        self._folder = folder
        self._numbers = itertools.count(1)
        self._lives = itertools.count(1)
        self._processes: list[PumpProcess] = []
        self._may_leave_intents = False  # who dies after a commit, while it ends the intents, leaves them: they grow old
        self._stack = ExitStack()
        self._audits = self._stack.enter_context(ExitStack())
        self._prefix = "x" if kind in INSIDE else "xs_"
        exchanges = (*(self._prefix + source for source in SOURCES), "xpublic")
        self.cluster = Cluster(vhost, folder, exchanges=exchanges, accounts=("alice", "bob", "carol"))
        self._stack.enter_context(self.cluster)
        origin = "[xalice, xbob]" if kind in INSIDE else "{sources: [alice, bob]}"
        self.cluster.write(
            f"{PUMP}: {{kind: {kind}, from: {origin}, instances: 2, prefetch: 4{options}}}",
            users="{alice: {role: source}, bob: {role: source}, carol: {role: consumer}}",
            exchanges="[xalice, xbob]",
        )
        infix = "x" if kind in INSIDE else ""
        self.queues = [f"q_feeder.{PUMP}.{infix}{source}" for source in SOURCES]
        for source, queue in zip(SOURCES, self.queues, strict=True):
            vhost.queue(queue, self._prefix + source)
        for exchange in ("xpublic", "xl_feeder"):
            vhost.queue(f"ear_{exchange}", exchange)

    def plant(self, files: int = 8) -> dict[str, str]:
        """Make files in a folder of their own: small ones, a large one, and one that is not to be had at once.

        Returns their names with their SHA-256; ``self.folder`` is where they are.
        """
        self._clear()
        folder = self.folder = f"case{next(self._numbers)}"
        random = Random(folder)
        sizes = {f"{folder}/{number}": 1000 + number for number in range(files)}
        sizes |= {f"{folder}/large": LARGE, f"{folder}/{AILING}": 10}
        (self.tree / folder).mkdir()
        for name, size in sizes.items():
            (self.tree / name).write_bytes(random.randbytes(size))
        return {name: hashlib.sha256((self.tree / name).read_bytes()).hexdigest() for name in sizes}

    def _clear(self) -> None:
        """Kill whoever a failed case has left alive, and take away what was delivered."""
        for process in self._processes:
            process.kill()
        self._processes.clear()
        for place in self._folder.glob("*/case*"):
            shutil.rmtree(place)

    def watch(self, *takers: Witness) -> None:
        """Account for everything that enters from now on; ``takers`` take away what is delivered."""
        self._audits.close()
        self._audit = self._audits.enter_context(Audit(self.cluster, takers=takers))

    def announce(self, source: str, names: Iterable[str], url: str) -> set[Name]:
        """Let a source announce files."""
        posts = [self._post(name, url) for name in names]
        for post in posts:
            self.vhost.publish(self._prefix + source, topic_of(post.rel_path), write_v03(post))
        return {_name(post) for post in posts}

    def _post(self, name: str, url: str) -> Post:
        content = (self.tree / name).read_bytes()
        fingerprint = Fingerprint(method="sha512", value=b64encode(hashlib.sha512(content).digest()).decode())
        now = write_time(time.time_ns())
        return a_post(rel_path=name, base_url=url, size=len(content), fingerprint=fingerprint, pub_time=now)

    def begin(self, death: Death | None = None, *, number: int = 1, twice: bool = False) -> PumpProcess:
        """Begin a life of an instance of the pump."""
        log = self._folder / f"life{next(self._lives)}.log"
        self._processes.append(PumpProcess([str(self.cluster.file), PUMP], number, log, death, twice=twice))
        return self._processes[-1]

    def die(self, death: Death) -> None:
        """Begin a life that ends as it is told to: by the signal, or drained where that asks for it."""
        self._may_leave_intents |= death.point in MAY_LEAVE_INTENTS
        dying = self.begin(death)
        code = dying.join()
        assert dying.passed == f"{death.point} {death.passing}", dying.last_words()
        assert code == (0 if death.signum == signal.SIGTERM else -death.signum), dying.last_words()

    def live_on(self, posts: set[Name], *, reported: bool = True, twice: bool = False) -> dict[Name, set[str]]:
        """Let a life finish all there is to do; return the endings that were reported of each Post."""
        living = self.begin(twice=twice)
        endings: dict[Name, set[str]] = {}
        if reported:
            self.wait_for_reports(posts, endings)
        self.end(living)
        assert not reported or endings.keys() == posts
        return endings

    def end(self, *living: PumpProcess) -> None:
        """Wait until nothing is left to do, and let those who live drain: then nothing is underway or in any queue."""
        self._rest(living)
        self._forget_who_died(living)
        self._audit.check()
        for process in living:
            process.send(signal.SIGTERM)
        for process in living:
            assert process.join() == 0, process.last_words()
        underway = self.underway()
        assert underway.get("reservations", 0) == 0
        assert underway.get("intents", 0) == 0 or self._may_leave_intents
        assert self.left() == {}

    def _forget_who_died(self, living: Sequence[PumpProcess]) -> None:
        """Remove the sockets of instances that were killed, about which an audit complains."""
        for number in {1, 2} - {process.number for process in living}:
            socket_of(self.memory.parent, number).unlink(missing_ok=True)

    def _rest(self, living: Sequence[PumpProcess]) -> None:
        """Wait until nothing is in any queue, and no instance holds anything.

        It is looked at several times: a message may be on its way from the one to the other.
        """
        looks = 0

        def at_rest() -> bool:
            nonlocal looks
            busy = self.left() or any(holds(self.cluster.ask(PUMP, number=process.number)) for process in living)
            looks = 0 if busy else looks + 1
            return looks == LOOKS

        for process in living:
            self.cluster.until(PUMP, lambda status: not holds(status), number=process.number)
        eventually(at_rest, 60, "rest")

    def wait_for_reports(self, posts: set[Name], seen: dict[Name, set[str]]) -> None:
        """Wait until each of these Posts has a Report; ``seen`` gets all endings that were reported."""

        def all_reported() -> bool:
            for report in self.heard("xl_feeder"):
                assert isinstance(report, Report)
                assert report.post is not None
                seen.setdefault(_name(report.post), set()).add(report.ending)
            return seen.keys() >= posts

        eventually(all_reported, 60, f"a Report of each of {sorted(posts)}")

    def heard(self, exchange: str) -> list[Post | Report]:
        """Return everything that an exchange has taken since the last call."""
        bodies: list[bytes] = []
        with self.vhost.connect() as connection:
            channel = connection.channel()
            while (got := channel.basic_get(f"ear_{exchange}", auto_ack=True))[0] is not None:
                bodies.append(got[2])
        return [read_v03(body) for body in bodies]

    def left(self) -> Mapping[str, int]:
        """Return which queues hold how much that nobody has taken, those of ears and taps apart."""
        names = [str(queue["name"]) for queue in self.vhost.broker.queues(self.vhost.name)]
        with self.vhost.connect() as connection:
            channel = connection.channel()
            depths = {
                name: channel.queue_declare(name, passive=True).method.message_count
                for name in names
                if not name.startswith(("ear_", "tap_"))
            }
        return {name: depth for name, depth in depths.items() if depth}

    def underway(self) -> Mapping[str, int]:
        """Return how many reservations and intents are on the disk, where the pump has a memory."""
        assert self.memory.exists() == (self.kind != "shovel")
        return {name: _entries(self.memory / name) for name in ("reservations", "intents") if self.memory.exists()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._clear()
        self._stack.close()


@contextmanager
def stage(broker: Broker, folder: Path, kind: str, options: str = "") -> Iterator[Stage]:
    """Yield a stage in a virtual host of its own."""
    vhost = Vhost(broker)
    broker.add_vhost(vhost.name)
    with ExitStack() as undo:
        undo.callback(broker.remove_vhost, vhost.name)
        undo.callback(hang_up)
        yield undo.enter_context(Stage(vhost, folder, kind, options))


def _name(post: Post) -> Name:
    return post.origin_path or post.rel_path, post.pub_time


def _entries(store: Path) -> int:
    with lmdb.open(str(store), readonly=True, lock=False) as opened:
        return int(opened.stat()["entries"])
