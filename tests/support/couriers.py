"""Programs that bring files from a source over a pump to a consumer, each as its users would run it."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from brokers import Vhost
from clusters import Cluster
from sr3 import Sr3

from winnowry.runners.servers.owned import Owned

IN, OUT = "xs_alice", "xpublic"


@dataclass(frozen=True, kw_only=True)
class Road:
    """Where one courier runs: what is announced to ``xs_alice`` goes to ``data/alice``, and on over ``xpublic`` to ``carol``.

    ``served`` is the URL at which ``data`` is to be had.
    """

    vhost: Vhost
    folder: Path
    served: str
    stack: ExitStack = field(repr=False)

    @property
    def data(self) -> Path:
        """The data root of the pump."""
        return self.folder / "data"

    @property
    def carol(self) -> Path:
        """The folder of the consumer."""
        return self.folder / "carol"


class Courier(Protocol):
    """A pump that fetches and announces, and a consumer that fetches from it."""

    name: str

    def start(self, road: Road) -> list[Owned]:
        """Start both, from nothing; exchanges and folders are there."""


class Winnowry:
    """`winnowry run` with a `sarra`, and `winnowry subscribe`."""

    name = "winnowry"

    def start(self, road: Road) -> list[Owned]:
        cluster = Cluster(road.vhost, road.folder, accounts=("alice", "carol"))
        road.stack.enter_context(cluster.stack)
        place = f'base_url: "{road.served}", layout: "{{source}}/{{rel_path}}"'
        cluster.write(
            f"ingest: {{kind: sarra, from: {{sources: [alice]}}, to: {OUT}, {place}}}", users="{alice: {role: source}}"
        )
        return [cluster.start(), cluster.subscribe("carol", road.carol, "--strip", "1")]


class SarraceniaV3:
    """sr3's sarra and subscribe with these options."""

    def __init__(self, name: str, **options: object) -> None:
        self.name = name
        self._options: dict[str, object] = options

    def start(self, road: Road) -> list[Owned]:
        program = Sr3(road.folder / "home", road.stack)
        given = {
            "broker": road.vhost.url,
            "topicPrefix": "v03",
            "subtopic": "#",
            "instances": 1,
            "mirror": True,
            **self._options,
        }
        program.configure(
            "sarra",
            "ingest",
            exchange=IN,
            queueName="q_guest.ingest",
            directory=road.data / "alice",
            baseDir=road.data,
            post_baseDir=road.data,
            post_broker=road.vhost.url,
            post_exchange=OUT,
            post_baseUrl=road.served,
            **given,
        )
        program.configure("subscribe", "carol", exchange=OUT, queueName="q_guest.carol", strip=1, directory=road.carol, **given)
        return [program.start("sarra", "ingest"), program.start("subscribe", "carol")]


COURIERS: tuple[Courier, ...] = (
    Winnowry(),
    SarraceniaV3("sr3 as shipped"),
    SarraceniaV3("sr3 tuned", batch=25, prefetch=25, sleep=0),
)
