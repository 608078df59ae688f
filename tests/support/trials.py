"""One pump on either engine, run by `winnowry run` for as long as the tests last that share it, each with paths of its own.

::

    alice ─▶ ┐                                    ┌─▶ xpublic
             ├─▶ pump (of a kind, on an engine) ─▶ ┼─▶ files, for pumps that fetch
    bob   ─▶ ┘                                    └─▶ Reports, dead letters
"""

import hashlib
import itertools
import json
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from audits import Audit
from brokers import Vhost, eventually
from clusters import Cluster
from flink_jars import JARS

from winnowry.runners.cluster.kinds import FETCHING
from winnowry.runners.cluster.load import load_cluster
from winnowry.runners.letterbox import boxes_of
from winnowry.runners.servers.nginx import FileServer
from winnowry.schemas.times import write_time
from winnowry.schemas.topics import topic_of

START_SECONDS = 240.0
SECONDS = 90.0
"""Seconds that a start may take, and anything else: Flink starts slowly on a machine that is busy."""
PUMP = "pump"
SOURCES = ("alice", "bob")
INSIDE = frozenset({"subscribe", "shovel"})
"""Kinds of pumps that listen to exchanges within the cluster here, not to users."""
ENGINES = {"direct": "{name: direct}", "flink": f"{{name: flink, jars: {JARS}, checkpoints: 1s}}"}
OPTIONS = {
    "sarra": 'to: xpublic, base_url: "{url}", layout: "{{rel_path}}", fused: true, attempts: 10, delays: [1s]',
    "winnow": "to: xpublic",
    "shovel": "to: xpublic",
    "subscribe": "account: carol, attempts: 10, delays: [1s]",
}

Post = dict[str, Any]


class Trial:
    """A pump of ``kind`` on ``engine``, its sources equivalent to one another. Files that are announced lie in ``tree``.

    ``heard`` is what the pump has announced, ``told`` ending and reason of each Report by path, in the order of their coming.
    """

    def __init__(self, vhost: Vhost, folder: Path, kind: str, engine: str) -> None:
        self.vhost, self.kind, self.engine = vhost, kind, engine
        self.tree = folder / "tree"
        self.tree.mkdir()
        self.heard: list[Post] = []
        self.told: dict[str, list[tuple[str, str]]] = {}
        self._numbers = itertools.count(1)
        self._stack = ExitStack()
        prefix = "x" if kind in INSIDE else "xs_"
        self._exchanges = {source: prefix + source for source in SOURCES}
        account = "carol" if kind == "subscribe" else "feeder"
        infix = "x" if kind in INSIDE else ""
        self.queues = [f"q_{account}.{PUMP}.{infix}{source}" for source in SOURCES]
        exchanges = (*self._exchanges.values(), "xpublic", "xl_carol")
        self.cluster = Cluster(vhost, folder, exchanges=exchanges, accounts=("alice", "bob", "carol"))
        self._folder = folder

    @property
    def fetches(self) -> bool:
        """Whether the pump brings files."""
        return self.kind in FETCHING

    def __enter__(self) -> Self:
        with self._stack:
            self._stack.enter_context(self.cluster)
            self.server = self._stack.enter_context(FileServer(self.tree))
            self._write()
            self._begin()
            self._stack = self._stack.pop_all()
        return self

    def _write(self) -> None:
        origin = f"[{', '.join(self._exchanges.values())}]" if self.kind in INSIDE else "{sources: [alice, bob]}"
        options = OPTIONS[self.kind].format(url=self.server.url)
        self.cluster.write(
            f"{PUMP}: {{kind: {self.kind}, from: {origin}, {options}}}",
            users="{alice: {role: source}, bob: {role: source}, carol: {role: consumer}}",
            exchanges="[xalice, xbob]",
            engine=ENGINES[self.engine],
        )
        if self.kind == "subscribe":  # what `winnowry declare` lets a consumer do
            self.vhost.add_user("carol", r"^q_carol(\.|$)", r"^(q_carol(\.|$)|xl_carol$)", r"^(q_carol(\.|$)|x)")

    def _begin(self) -> None:
        """Start the pump, and account for everything that enters from now on."""
        for ear, exchange in self._ears().items():
            self.vhost.queue(ear, exchange)
        self.running = self.cluster.start()
        self.cluster.listening(*self.queues, seconds=START_SECONDS)
        self.audit = self._stack.enter_context(Audit(self.cluster))

    def _ears(self) -> dict[str, str]:
        return {"ear_heard": "xpublic", "ear_told": "xl_carol" if self.kind == "subscribe" else "xl_feeder"}

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def end(self) -> None:
        """Let the pump drain; it ends well and leaves nothing unsettled."""
        self.running.terminate()
        self.running.finish(SECONDS)
        assert self.cluster.depth(*self.queues) == 0

    # -- what a test says

    def a_folder(self) -> str:
        """Return the name of a folder that no other test has."""
        name = f"case{next(self._numbers)}"
        (self.tree / name).mkdir()
        return name

    def a_file(self, path: str, content: bytes, at: str | None = None, **fields: Any) -> Post:
        """Return the Post of a file, which is made; it lies at ``at`` where that is another path."""
        lies = at or path
        (self.tree / lies).write_bytes(content)
        there = {"retrievePath": lies} if at else {}
        return self.a_post(path, size=len(content), identity=sha512(content), **there, **fields)

    def a_post(self, path: str, **fields: Any) -> Post:
        """Return a Post, announced now."""
        return {"pubTime": write_time(time.time_ns()), "baseUrl": self.server.url, "relPath": path} | fields

    def announce(self, source: str, *posts: Post | bytes) -> None:
        """Let a source announce these, confirmed."""
        bodies = [post if isinstance(post, bytes) else json.dumps(post).encode() for post in posts]
        self.vhost.publish(self._exchanges[source], topic_of("a/b"), *bodies)

    # -- what a test learns

    def hears(self, count: int, folder: str) -> list[Post]:
        """Return what the pump has announced of a folder, as soon as that is so much."""
        eventually(lambda: len(self._of(folder)) >= count, SECONDS, f"{count} announcements of {folder}")
        return self._of(folder)

    def _of(self, folder: str) -> list[Post]:
        self._listen()
        return [post for post in self.heard if post["relPath"].startswith(folder)]

    def tells(self, paths: Sequence[str], times: int = 1) -> dict[str, list[tuple[str, str]]]:
        """Return ending and reason of each Report of these paths, as soon as each has so many."""
        self.until(lambda: all(len(self.told.get(path, ())) >= times for path in paths), f"{times} Reports of each of {paths}")
        return {path: self.told[path] for path in paths}

    def until(self, happens: Callable[[], bool], what: str) -> None:
        """Wait until something is true of what was heard and told."""

        def seen() -> bool:
            self._listen()
            return happens()

        eventually(seen, SECONDS, what)

    def _listen(self) -> None:
        with self.vhost.connect() as connection:
            channel = connection.channel()
            for ear in self._ears():
                while (got := channel.basic_get(ear, auto_ack=True))[0] is not None:
                    self._note(ear, json.loads(got[2]))

    def _note(self, ear: str, post: Post) -> None:
        if ear == "ear_heard":
            self.heard.append(post)
        else:
            report = post["report"]
            self.told.setdefault(post["relPath"], []).append((report["ending"], report["reason"]))

    def placed(self, path: str) -> bytes:
        """Return what the pump has brought to a path."""
        return (self.cluster.data / path).read_bytes()

    def letters(self) -> dict[bytes, str]:
        """Return the reason of each dead letter by its body, wherever this kind of pump keeps them on this engine."""
        return {letter.message.body: letter.reason for letter in boxes_of(load_cluster(self.cluster.file))[PUMP].read()}

    def settles(self) -> None:
        """Everything that entered has one ending and is settled, and every file is what was announced."""
        self.audit.check(SECONDS)


def sha512(content: bytes) -> dict[str, str]:
    """Return the identity of a content."""
    return {"method": "sha512", "value": b64encode(hashlib.sha512(content).digest()).decode()}
