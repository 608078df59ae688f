"""Files with awkward names pass between ours and the real metpx-sr3, in both directions."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from brokers import Vhost, eventually
from sr3 import Sr3
from winnowry_cli import Winnowry

from winnowry.runners.demo.compare import Tree, differences, survey
from winnowry.runners.demo.tree import ODD_NAMES, plant
from winnowry.runners.servers.nginx import FileServer
from winnowry.runners.servers.owned import Owned

pytestmark = pytest.mark.interop

NAMES = [name for name in ODD_NAMES if name != "$HOME"]
"""sr3 puts the environment's value in the place of a name that looks like one of its variables."""

MICROSECOND = 1000
"""sr3 keeps times as floating-point numbers, which cannot tell less."""

CLUSTER = """\
cluster: interop.example.org
broker: {broker}
data: {data}
users: {{alice: {{role: source}}}}
pumps:
  ingest: {{kind: sarra, from: {{sources: [alice]}}, to: xpublic, reports: none, base_url: "{base_url}"}}
"""


@dataclass
class Relay:
    """A source ``alice``, a pump and a consumer ``carol``, each with a folder; nothing runs yet."""

    vhost: Vhost
    folder: Path
    files: FileServer
    copies: FileServer
    sr3: Sr3
    winnowry: Winnowry

    def url(self, user: str) -> str:
        return self.vhost.broker.url(user, self.vhost.name)

    def address(self, user: str) -> str:
        """The URL of a user without the password."""
        return self.url(user).replace(f":{self.url(user).split(':')[2].split('@')[0]}@", "@", 1)

    def await_listener(self, exchange: str, program: Owned) -> None:
        def listening() -> bool:
            assert program.running, program.last_words()
            return bool(self.vhost.broker.bindings(exchange, self.vhost.name))

        eventually(listening, what=f"a queue bound to {exchange}")

    def await_delivery(self, *programs: Owned) -> list[str]:
        """Wait until the consumer has every path of the source, and return what differs."""
        source, consumer = survey(self.folder / "alice"), self.folder / "carol"

        def complete() -> bool:
            for program in programs:
                assert program.running, program.last_words()
            return all((consumer / path).is_symlink() or (consumer / path).exists() for path in source)

        eventually(complete, seconds=90, what=f"the delivery of {len(source)} paths")
        return differences(source, alike(source, survey(consumer)))


def alike(source: Tree, found: Tree) -> Tree:
    """Return ``found`` with the source's times where they differ by less than sr3 can tell."""
    return {
        path: msgspec.structs.replace(entry, mtime_ns=source[path].mtime_ns)
        if path in source and abs(entry.mtime_ns - source[path].mtime_ns) < MICROSECOND
        else entry
        for path, entry in found.items()
    }


@pytest.fixture
def relay(vhost: Vhost, file_server: Callable[[Path], FileServer], tmp_path: Path) -> Iterator[Relay]:
    for name in ("alice", "pump", "carol", "home"):
        (tmp_path / name).mkdir()
    plant(tmp_path / "alice", files=300, names=NAMES, tame=True)
    urls = [vhost.add_user(name) for name in ("alice", "feeder", "carol")]
    for exchange in ("xs_alice", "xpublic"):
        vhost.add_exchange(exchange)
    with ExitStack() as stack:
        winnowry = Winnowry(tmp_path / "home", stack)
        winnowry.trust(*urls)
        files, copies = file_server(tmp_path / "alice"), file_server(tmp_path / "pump")
        yield Relay(vhost, tmp_path, files, copies, Sr3(tmp_path / "home", stack), winnowry)


def test_sr3_posts_our_sarra_pumps_and_sr3_subscribes(relay: Relay) -> None:
    tree, broker = relay.folder / "alice", relay.url("alice")
    relay.sr3.configure(
        "post", "alice", post_broker=broker, post_exchange="xs_alice", post_baseUrl=relay.files.url, post_baseDir=tree
    )
    relay.sr3.configure(
        "subscribe",
        "carol",
        broker=relay.url("carol"),
        exchange="xpublic",
        queueName="q_carol.sr3",
        subtopic="#",
        instances=1,
        mirror=True,
        strip=2,
        directory=relay.folder / "carol",
    )
    file = relay.folder / "cluster.yaml"
    file.write_text(CLUSTER.format(broker=relay.address("feeder"), data=relay.folder / "pump", base_url=relay.copies.url))
    pump = relay.winnowry.start("run", str(file))
    consumer = relay.sr3.start("subscribe", "carol")
    relay.await_listener("xs_alice", pump)
    relay.sr3.run("sr3_post", "-c", "alice", "-p", str(tree))
    assert relay.await_delivery(pump, consumer) == []


def test_we_post_sr3_sarra_pumps_and_we_subscribe(relay: Relay) -> None:
    tree, pump_root = relay.folder / "alice", relay.folder / "pump"
    relay.sr3.configure(
        "sarra",
        "ingest",
        broker=relay.url("feeder"),
        exchange="xs_alice",
        queueName="q_feeder.sr3",
        subtopic="#",
        instances=1,
        mirror=True,
        directory=pump_root / "day" / "alice",
        baseDir=pump_root,
        post_baseDir=pump_root,
        post_broker=relay.url("feeder"),
        post_exchange="xpublic",
        post_baseUrl=relay.copies.url,
    )
    pump = relay.sr3.start("sarra", "ingest")
    into = str(relay.folder / "carol")
    consumer = relay.winnowry.start("subscribe", relay.address("carol"), "--into", into, "--strip", "2")
    relay.await_listener("xpublic", consumer)
    root, to = str(tree), relay.address("alice")
    relay.winnowry.run("post", root, "--to", to, "--base-url", relay.files.url, "--base-dir", root)
    assert relay.await_delivery(pump, consumer) == []
