"""The lives of a `sarra`: the real engine, pipeline, memory and data root, on a broker, file servers and a clock of the test.

It is turned by hand, and can die before or after any call that changes the world. Its graph is compiled once a session.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engines import a_pump
from relays import EDGES, Clock, Log, LoggedBroker, LoggedMemory, a_station

from winnowry.io.crashes import CrashBook
from winnowry.io.fake_site import FakeCarrier, FakeSite
from winnowry.io.files import Files
from winnowry.io.job import Done, Job
from winnowry.io.later import DELAYS, later_queue
from winnowry.io.memory import Intent, Memory, Reservation
from winnowry.io.transfers import Transfers, use_pool
from winnowry.io.tree import Tree, is_temporary
from winnowry.pipelines.pump import Pump
from winnowry.pipelines.sarra import sarra
from winnowry.runners.direct.engine import DirectEngine
from winnowry.runners.direct.halving import HalvingRounds
from winnowry.runners.direct.sieve import DirectMemory
from winnowry.runners.direct.suspects import Suspects
from winnowry.runners.engines.desk import BrokerDesk
from winnowry.runners.engines.later import BrokerLater
from winnowry.transforms.patience import Patience
from winnowry.transforms.winnow import Scope

PRESENT: list[Memory] = []
"""The memory of the present life, which the steps of the compiled graph open."""
DISK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where lives keep their files: a sync costs nothing there, and processes die here, not machines."""
FOLDER = TemporaryDirectory(dir=DISK)
LATER = tuple(later_queue("feeder", "fuse", delay) for delay in DELAYS)
LIMIT = 4
"""Arrivals in a round: few, so that what belongs together is spread over several."""


@dataclass(frozen=True, kw_only=True)
class PresentMemory(DirectMemory):
    """A handle on the memory of whichever life is the present one."""

    def open(self) -> Memory:
        return PRESENT[-1]


@cache
def the_pump() -> Pump:
    memory = PresentMemory(
        folder=Path(), remember=timedelta(days=3), shared=False, scope=Scope(), root=Path(FOLDER.name) / "root"
    )
    patience = Patience(attempts=3, delays=(1.0, 10.0))
    return replace(a_pump("sarra", Path(FOLDER.name)), memory=memory, patience=patience)


@cache
def the_rounds() -> HalvingRounds:
    return HalvingRounds(lambda root: sarra(root, the_pump()))


class MortalMemory(LoggedMemory):
    """A memory in each of whose changes the process may die."""

    def reserve(self, path: bytes, holder: bytes) -> Reservation:
        reservation: Reservation = self.log.note("reserve", lambda: Memory.reserve(self, path, holder))
        return reservation

    def intend(self, intents: Iterable[tuple[bytes, Intent]]) -> None:
        self.log.note("intend", lambda: Memory.intend(self, intents))

    def release(self, paths: Iterable[bytes]) -> list[bytes]:
        woken: list[bytes] = self.log.note("release", lambda: Memory.release(self, paths))
        return woken


class MortalCarrier(FakeCarrier):
    """A carrier at each of whose requests the process may die."""

    def __init__(self, site: FakeSite, done: Done, log: Log) -> None:
        super().__init__(site, done)
        self._log = log

    def carry(self, job: Job) -> None:
        self._log.note("fetch", lambda: FakeCarrier.carry(self, job))


class World:
    """What outlives the pump: a broker, the file servers, the disk, the time."""

    def __init__(self) -> None:
        self.server = a_station()
        self.site = FakeSite()
        self.clock = Clock()
        self.folder = TemporaryDirectory(dir=DISK)
        self.lives = 0
        self.root = the_pump().root
        shutil.rmtree(self.root)
        self.root.mkdir()

    def files(self) -> dict[str, bytes]:
        """Return what is visible in the data root."""
        return {name: content for name, content in self._all().items() if not is_temporary(name)}

    def temporaries(self, spare: frozenset[str]) -> set[str]:
        """Return what is hidden in the data root after a sweep."""
        Tree(self.root).sweep(-1.0, spare=spare)
        return {name for name in self._all() if is_temporary(name)}

    def _all(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.root.iterdir()}


class Life:
    """One life of the pump, begun."""

    def __init__(self, world: World, log: Log | None = None) -> None:
        pump = the_pump()
        self.log = log or Log()
        self.broker = LoggedBroker(world.server, self.log)
        self.memory = MortalMemory(
            Path(world.folder.name), remember=timedelta(days=3), shared=False, clock=world.clock, boot="the same"
        )
        self.memory.log = self.log
        PRESENT[:] = [self.memory]
        self._site = world.site
        self._carriers: list[FakeCarrier] = []
        self.transfers = Transfers(pump.files, carriers=self._carry)
        use_pool(pump.files, self.transfers)
        self.engine = DirectEngine(
            pump,
            sarra,
            source=self.broker,
            target=self.broker,
            desk=BrokerDesk(pump, "feeder", world.clock),
            memory=self.memory,
            later=BrokerLater(self.broker, LATER),
            transfers=self.transfers,
            suspects=Suspects(self._book(world), world.clock),
            limit=LIMIT,
            rounds=the_rounds(),
            clock=world.clock,
        )
        self.engine.begin()

    def _carry(self, _: Files, done: Done) -> Mapping[str, FakeCarrier]:
        self._carriers.append(MortalCarrier(self._site, done, self.log))
        return {"https": self._carriers[-1]}

    @staticmethod
    def _book(world: World) -> CrashBook:
        world.lives += 1
        return CrashBook(Path(world.folder.name) / "crashes.json", crashed=world.lives > 1, clock=world.clock)

    def go_on(self) -> None:
        """Let requests that hang be answered."""
        for carrier in self._carriers:
            carrier.go_on()

    def left(self) -> dict[str, Any]:
        """Return what is still underway; nothing of it is there when all is over."""
        status = self.engine.status()
        left = {name: status[name] for name in ("waiting", "parked", "later", "unsettled", "unheard")}
        left["holds"] = len(status["holds"])
        left["queued"] = sum(self.broker.depth(queue) for queue in (*LATER, *(edge.queue for edge in EDGES)))
        left["reserved"] = self.memory.statistics()["reserved"]
        left["transfers"] = len(self.transfers.underway())
        return {name: count for name, count in left.items() if count}

    def end(self) -> None:
        """Die: what was unsettled goes back, what was reserved is free, nothing is tidied up."""
        self.broker.close()
        self.memory.close()
