"""Put one instance of a pump together: its brokers, its memory, its desk, its engine."""

import time
from collections.abc import Sequence
from dataclasses import replace

import structlog

from winnowry.io.amqp import AmqpSettings, connect
from winnowry.io.amqp.presence import MISSING, look
from winnowry.io.broker import Broker, Topology
from winnowry.io.counts import Counts
from winnowry.io.crashes import CrashBook
from winnowry.io.dead import dead_queue
from winnowry.io.later import DELAYS, later_queue, later_topology
from winnowry.io.later_store import LaterStore, store_of
from winnowry.io.transfers import Transfers, transfers_for
from winnowry.pipelines.catalogue import PUMPS
from winnowry.pipelines.pump import Pump
from winnowry.runners.cluster.kinds import FETCHING, REMEMBERING
from winnowry.runners.cluster.wiring import Wiring
from winnowry.runners.direct.engine import DirectEngine
from winnowry.runners.direct.sieve import DirectMemory
from winnowry.runners.direct.speedo import Speedo
from winnowry.runners.direct.suspects import Suspects
from winnowry.runners.engines.desk import BrokerDesk, Desk, StoreDesk
from winnowry.runners.engines.holds import Watch
from winnowry.runners.engines.later import BrokerLater, Later, StoreLater
from winnowry.runners.engines.watches import DiskWatch
from winnowry.runners.sweep import begin_to_sweep
from winnowry.transforms.winnow import Scope

log = structlog.get_logger(__name__)

KEEPING = REMEMBERING | {"speedo"}
"""Kinds of pumps that keep something on our own disk."""

ROUND_OF_FETCHING = 250
"""Arrivals in a round of a pump that fetches: more would not be fetched while the round waits."""
ROUND_OF_RELAYING = 1000


def assemble(pump: Pump, wiring: Wiring, *, number: int = 1, crashed: bool = False, twice: bool = False) -> DirectEngine:
    """Return the engine of one instance, its queues declared. Raises Unreachable, or Terminal where a broker denies it.

    A pump whose Reports would go to an exchange that is missing runs without Reports, and says so: publishing there would
    close the channel again and again. ``crashed`` says that the process before this one died of itself.
    """
    name = f"winnowry {pump.cluster} {pump.name}/{number}"
    settings = AmqpSettings(urls=wiring.source, name=name)
    source = connect(settings)
    target = connect(AmqpSettings(urls=wiring.target, name=name))
    source.declare(wiring.topology)
    if pump.reports is not None and look(settings, exchanges=[pump.reports])[pump.reports] == MISSING:
        log.warning("nobody takes Reports: the exchange is missing", pump=pump.name, exchange=pump.reports)
        pump = replace(pump, reports=None)
    return build(
        pump, source, target, owner=wiring.target_account, prefetch=wiring.prefetch, number=number, crashed=crashed, twice=twice
    )


def build(
    pump: Pump,
    source: Broker,
    target: Broker,
    *,
    owner: str,
    prefetch: int,
    number: int = 1,
    crashed: bool = False,
    twice: bool = False,
) -> DirectEngine:
    """Return the engine of one instance on brokers where its queues are declared.

    ``owner`` is the account that its later queues and dead letters belong to; they are declared here.
    """
    desk, later = _desk_and_later(pump, target, owner, number)
    memory = _memory_of(pump)
    if memory is not None:
        pump = replace(pump, memory=memory)
    fetching = pump.kind in FETCHING
    if pump.owns_root and fetching and memory is not None:
        begin_to_sweep(pump, lambda: memory.open().intended())
    transfers = transfers_for(pump.files) if fetching else None
    return DirectEngine(
        pump,
        PUMPS[pump.kind],
        source=source,
        target=target,
        desk=desk,
        memory=memory.open() if memory is not None else None,
        later=later,
        transfers=transfers,
        suspects=_suspects(pump, number, crashed),
        watches=_watches(pump, transfers),
        hold_file=pump.state / str(number) / "hold.json",
        limit=ROUND_OF_FETCHING if fetching else ROUND_OF_RELAYING,
        prefetch=prefetch,
        twice=twice,
        speedo=_speedo_of(pump, target, prefetch),
    )


def _speedo_of(pump: Pump, target: Broker, prefetch: int) -> Speedo | None:
    return Speedo(pump, Counts(pump.state / "counts"), target, keep=prefetch) if pump.kind == "speedo" else None


def _suspects(pump: Pump, number: int, crashed: bool) -> Suspects | None:
    book = CrashBook(pump.state / str(number) / "crashes.json", crashed=crashed)
    return Suspects(book, time.monotonic) if crashed else None


def _watches(pump: Pump, transfers: Transfers | None) -> Sequence[Watch]:
    folders = ([pump.root] if transfers is not None else []) + ([pump.state] if pump.kind in KEEPING else [])
    return (DiskWatch(folders, pump.keep_free, transfers.expected if transfers is not None else lambda: 0),)


def _memory_of(pump: Pump) -> DirectMemory | None:
    if pump.kind not in REMEMBERING:
        return None
    scope = Scope(same=pump.same, by_source=pump.kind == "sarra" and pump.layout.separates_sources)
    pump.root.mkdir(parents=True, exist_ok=True)
    return DirectMemory(
        folder=pump.state / "memory", remember=pump.remember, shared=pump.instances > 1, scope=scope, root=pump.root
    )


def _desk_and_later(pump: Pump, target: Broker, owner: str, number: int) -> tuple[Desk, Later]:
    """Return who keeps later work and dead letters: a consumer's own disk, since the broker is not its own, or our broker."""
    if pump.kind == "subscribe":
        store = LaterStore(store_of(pump.state, number))
        return StoreDesk(pump, store), StoreLater(store)
    kept = (*later_topology(owner, pump.name, pump.queue), dead_queue(owner, pump.name, pump.queue))
    target.declare(Topology(queues=kept))
    queues = [later_queue(owner, pump.name, delay) for delay in DELAYS]
    return BrokerDesk(pump, owner), BrokerLater(target, queues)
