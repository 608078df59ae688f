"""Every hostile message through every kind of pump, as real processes on a real broker, with good files in between."""

import json
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha512
from pathlib import Path
from typing import Any

import pika
import pytest
from brokers import Vhost
from clusters import Cluster, child
from hostile import KINDS, Hostile, landed, post
from hostile_bytes import messages
from hostile_fields import fields
from hostile_paths import paths
from hostile_posts import posts

from winnowry.io.amqp import AmqpSettings
from winnowry.io.amqp.browse import browse
from winnowry.io.dead import DeadLetter, read_letter
from winnowry.io.later_store import LaterStore, stores_of
from winnowry.runners.demo.tree import sow
from winnowry.runners.engines.desk import ROUTINE
from winnowry.runners.servers.nginx import FileServer

pytestmark = pytest.mark.e2e

GOOD = 60
PUMPS = """
sarra: {{kind: sarra, from: {{sources: [alice]}}, to: xpublic, base_url: "https://ddi.example.org/", attempts: 1,
         layout: "ingested/{{source}}/{{rel_path}}"}}
shovel: {{kind: shovel, from: {{feeder: "{feeder}", exchange: xs_alice}}, to: xrelayed, reports: xl_relay}}
winnow: {{kind: winnow, from: xs_alice, to: xfused, reports: xl_fuse}}
subscribe: {{kind: subscribe, from: {{feeder: "{feeder}", exchange: xs_alice}}, layout: "delivered/{{rel_path}}", attempts: 1}}
"""
QUEUES = {
    "sarra": "q_feeder.sarra.alice",
    "shovel": "q_dora.shovel",
    "winnow": "q_feeder.winnow",
    "subscribe": "q_dora.subscribe",
}
REPORTS = {"sarra": "xl_feeder", "shovel": "xl_relay", "winnow": "xl_fuse"}
ANNOUNCED = {"sarra": "xpublic", "shovel": "xrelayed", "winnow": "xfused"}
ROOTS = {"sarra": "ingested/alice", "subscribe": "delivered"}
ELSEWHERE = ("data", "state", "winnowry_run.log")
"""What the pumps may write to; everything else in the folder of the test has to stay as it is."""


class Aftermath:
    """What is there when all is over: what was told of each message, and what was announced."""

    def __init__(self, vhost: Vhost, cluster: Cluster, corpus: list[Hostile]) -> None:
        self._vhost, self._cluster = vhost, cluster
        self._by_body = {message.body: message.name for message in corpus}
        self._by_path = {said["relPath"][:4096]: said["hostile"] for said in _readable(corpus)}

    def letters(self, kind: str) -> list[DeadLetter]:
        """Return the dead letters of a pump."""
        if kind == "subscribe":
            return [
                letter for file in stores_of(self._cluster.file.parent / "state" / kind) for letter in LaterStore(file).browse()
            ]
        return [read_letter(held) for held in browse(AmqpSettings(urls=(self._vhost.url,)), f"q_feeder.{kind}.dead")]

    def told(self, kind: str) -> dict[str, set[str]]:
        """Return how each message ended, as Reports and dead letters tell it."""
        found: dict[str, set[str]] = {}
        for letter in self.letters(kind):
            name = letter.message.headers.get("hostile") or self._by_body[letter.message.body]
            found.setdefault(name, set()).add(f"{letter.ending}:{letter.reason}")
        for told in self._bodies(REPORTS.get(kind)):
            name = told.get("hostile") or self._by_path[told["relPath"]]
            found.setdefault(name, set()).add(f"{told['report']['ending']}:{told['report']['reason']}")
        return found

    def announced(self, kind: str) -> Counter[str]:
        """Return how often each message was announced."""
        return Counter(said["hostile"] for said in self._bodies(ANNOUNCED.get(kind)))

    def _bodies(self, exchange: str | None) -> Iterator[dict[str, Any]]:
        if exchange is not None and (depth := self._vhost.depth(f"tap_{exchange}")):
            yield from map(json.loads, self._vhost.take(f"tap_{exchange}", depth))


def _readable(corpus: list[Hostile]) -> Iterator[dict[str, Any]]:
    for message in corpus:
        try:
            said = json.loads(message.body)
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict) and isinstance(said.get("relPath"), str) and "hostile" in said:
            yield said


def is_told(kind: str, ending: str) -> bool:
    """Whether an ending leaves a Report or a dead letter; any other is counted, and seen by what was announced or delivered."""
    if ending == "refused:unexpected_report":
        return False
    if kind == "subscribe":
        return ending.startswith(("malformed", "failed")) or (ending.startswith("refused") and not is_routine(ending))
    return kind == "sarra" or not ending.startswith("announced")


def is_routine(ending: str) -> bool:
    return ending.removeprefix("refused:") in {reason.code for reason in ROUTINE}


def goods(url: str) -> list[Hostile]:
    """Return Posts of files that can be had."""
    names = {f"good {number}": f"file {number}" for number in range(GOOD)}
    return [
        Hostile(
            name=name,
            body=post(name, f"good/{name}", baseUrl=url, retrievePath=file, size=10_000),
            ends=landed(),
            lands=f"good/{name}",
        )
        for name, file in names.items()
    ]


def mixed(bad: list[Hostile], good: list[Hostile]) -> list[Hostile]:
    """Return the bad ones with the good ones spread evenly between them."""
    step = len(bad) // len(good) + 1
    return [
        message
        for start, one in zip(range(0, len(bad), step), good, strict=False)
        for message in (*bad[start : start + step], one)
    ]


def publish(vhost: Vhost, corpus: list[Hostile]) -> None:
    """Publish everything to the exchange of one source, confirmed."""
    with vhost.connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for message in corpus:
            headers = message.headers | {"hostile": message.name}
            properties = pika.BasicProperties(content_type=message.content_type, delivery_mode=2, headers=headers)
            channel.basic_publish("xs_alice", message.key, message.body, properties)


def listing(root: Path, apart: tuple[str, ...] = ()) -> dict[str, tuple[object, ...]]:
    """Return what is below ``root``, links not followed: kind and mode, links to it, content, target."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if name not in apart]
            files[:] = [name for name in files if name not in apart]
        for name in (*folders, *files):
            path = Path(folder, name)
            status = path.lstat()
            content = sha512(path.read_bytes()).digest() if stat.S_ISREG(status.st_mode) else b""
            target = path.readlink() if path.is_symlink() else None
            found[str(path.relative_to(root))] = (status.st_mode, status.st_nlink, content, target)
    return found


def landings(kind: str, corpus: list[Hostile]) -> set[str]:
    """Return what has to be below the root of a pump that fetches: files, links, and the links planted there before."""
    done = ("announced", "delivered")
    return {message.lands for message in corpus if message.lands and message.ends[kind].startswith(done)} | {"planted"}


def differences(found: Mapping[str, object], expected: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    """Return what was found and what was expected, where that differs."""
    names = found.keys() | expected.keys()
    return {name: (found.get(name), expected.get(name)) for name in names if found.get(name) != expected.get(name)}


@pytest.fixture
def cluster(vhost: Vhost, tmp_path: Path) -> Iterator[Cluster]:
    exchanges = ("xs_alice", *ANNOUNCED.values(), *REPORTS.values())
    with Cluster(vhost, tmp_path, exchanges=exchanges, accounts=("alice", "dora")) as made:
        for exchange in (*ANNOUNCED.values(), *REPORTS.values()):
            vhost.queue(f"tap_{exchange}", exchange)
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "sentinel").write_text("untouched")
        for root in ROOTS.values():
            (made.data / root).mkdir(parents=True)
            (made.data / root / "planted").symlink_to(tmp_path / "outside")
            (made.data / root / "sown").symlink_to(tmp_path / "outside" / "sentinel")
        yield made


def test_no_hostile_message_gets_out_stops_a_pump_or_ends_untold(cluster: Cluster, vhost: Vhost, tmp_path: Path) -> None:
    sow(tmp_path / "tree", files=GOOD)
    with FileServer(tmp_path / "tree") as server:
        corpus = mixed([*paths(), *fields(), *posts(), *messages()], goods(server.url))
        cluster.write(PUMPS.format(feeder=cluster.address("dora")), users="{alice: {role: source}}", exchanges="[xs_alice]")
        supervisor = cluster.start()
        cluster.listening(*QUEUES.values())
        before = listing(tmp_path, ELSEWHERE)
        processes = {kind: child(supervisor, kind) for kind in KINDS}
        publish(vhost, corpus)
        for kind in KINDS:
            cluster.until(kind, lambda status: sum(status["outcomes"].values()) >= len(corpus), 120)
        statuses = {kind: cluster.settled(kind, QUEUES[kind]) for kind in KINDS}
        assert {kind: child(supervisor, kind) for kind in KINDS} == processes, "a pump died"
    assert listing(tmp_path, ELSEWHERE) == before
    after = Aftermath(vhost, cluster, corpus)
    for kind in KINDS:
        expected = {message.name: message.ends[kind] for message in corpus}
        told = {name: {ending} for name, ending in expected.items() if is_told(kind, ending)}
        assert differences(after.told(kind), told) == {}, kind
        assert differences(statuses[kind]["outcomes"], Counter(expected.values())) == {}, kind
        announced = Counter(name for name, ending in expected.items() if ending.startswith("announced"))
        assert differences(after.announced(kind), announced if kind in ANNOUNCED else {}) == {}, kind
    for kind, root in ROOTS.items():
        found = {path for path, (mode, *_) in listing(cluster.data / root).items() if not stat.S_ISDIR(int(str(mode)))}
        assert found == landings(kind, corpus)
    assert sorted(path.name for path in cluster.data.iterdir()) == ["delivered", "ingested"]
    assert [path.name for path in (cluster.data / "ingested").iterdir()] == ["alice"]
    reasons = Counter(ending for message in corpus for ending in message.ends.values())
    print(f"{len(corpus)} messages through {len(KINDS)} pumps: outside 0, blocked 0, crashed 0, with reason {reasons.total()}")
