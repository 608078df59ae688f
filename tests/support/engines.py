"""The `direct` engine on a broker in memory, with a memory and files on the disk of a test."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha512
from pathlib import Path
from typing import Any

from msgspec import structs
from relays import EDGES, OUT, REPORTS, Clock, a_file

from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.io.later import DELAYS, later_queue
from winnowry.io.transfers import transfers_for
from winnowry.pipelines.catalogue import PUMPS, Pipeline
from winnowry.pipelines.pump import Pump
from winnowry.runners.direct.engine import DirectEngine
from winnowry.runners.direct.sieve import DirectMemory
from winnowry.runners.engines.desk import BrokerDesk
from winnowry.runners.engines.later import BrokerLater
from winnowry.schemas.edge import OutputEdge
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.post import Post
from winnowry.transforms.bounds import Bounds
from winnowry.transforms.winnow import Scope


def a_pump(kind: str, folder: Path, **settings: Any) -> Pump:
    """Return a pump whose sources are files below ``folder/source``, and whose data root is ``folder/root``."""
    for name in ("source", "root"):
        (folder / name).mkdir(exist_ok=True)
    plain = Pump(
        name="fuse",
        kind=kind,
        cluster="ddi.example.org",
        account="feeder",
        inputs=EDGES,
        public=OutputEdge(exchange=OUT),
        bounds=Bounds(file_roots=(str(folder / "source"),)),
        base_url="https://ddi.example.org/" if kind == "sarra" else "",
        root=folder / "root",
        state=folder / "state",
        reports=REPORTS,
    )
    return replace(plain, **settings)


def a_real_file(folder: Path, path: str, content: bytes, at: float = 0.0, announced: bytes | None = None) -> Post:
    """Write a file below ``folder/source`` and return its Post, which may announce other bytes than there are."""
    file = folder / "source" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    digest = b64encode(sha512(content if announced is None else announced).digest()).decode()
    post = a_file(path, "", at, base_url=f"file:{folder}/source/")
    return structs.replace(post, size=len(content), fingerprint=Fingerprint(method="sha512", value=digest))


class Station:
    """One life of one pump. ``run`` runs it until it is idle; each turn of the idle engine takes a second of ``clock``."""

    def __init__(
        self, server: FakeExchangeServer, folder: Path, pump: Pump, pipeline: Pipeline | None = None, *, twice: bool = False
    ) -> None:
        self.clock = Clock()
        self.broker = FakeBroker(server)
        memory = DirectMemory(
            folder=folder / "state" / "memory", remember=timedelta(days=3), shared=False, scope=Scope(), root=pump.root
        )
        self.pump = replace(pump, memory=memory) if pump.kind != "shovel" else pump
        queues = [later_queue("feeder", "fuse", delay) for delay in DELAYS]
        self.engine = DirectEngine(
            self.pump,
            pipeline or PUMPS[pump.kind],
            source=self.broker,
            target=self.broker,
            desk=BrokerDesk(self.pump, "feeder", self.clock),
            memory=memory.open() if pump.kind != "shovel" else None,
            later=BrokerLater(self.broker, queues),
            transfers=transfers_for(self.pump.files),
            limit=100,
            twice=twice,
            clock=self.clock,
        )

    def run(self, watch: Callable[[], object] = lambda: None) -> dict[str, Any]:
        """Run until idle; return the status."""

        def pass_time() -> None:
            watch()
            self.clock.now += 0.5

        self.engine.run(until_idle=True, watch=pass_time)
        return self.engine.status()

    def close(self) -> None:
        """Let go of the broker."""
        self.broker.close()
