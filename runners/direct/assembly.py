"""Put one instance of a pump together: its brokers, its memory, its desk, its engine."""

from dataclasses import replace

from winnowry.io.amqp import AmqpSettings, connect
from winnowry.io.broker import Broker, Topology
from winnowry.io.dead import dead_queue
from winnowry.io.later import DELAYS, later_queue, later_topology
from winnowry.io.transfers import transfers_for
from winnowry.pipelines.catalogue import PUMPS
from winnowry.pipelines.pump import Pump
from winnowry.runners.cluster.wiring import Wiring
from winnowry.runners.direct.desk import BrokerDesk
from winnowry.runners.direct.engine import DirectEngine
from winnowry.runners.direct.sieve import DirectMemory
from winnowry.transforms.winnow import Scope

FETCHING = frozenset({"sarra", "subscribe"})
REMEMBERING = frozenset({"sarra", "subscribe", "winnow"})

ROUND_OF_FETCHING = 250
"""Arrivals in a round of a pump that fetches: more would not be fetched while the round waits."""
ROUND_OF_RELAYING = 1000


def assemble(pump: Pump, wiring: Wiring, *, number: int = 1, twice: bool = False) -> DirectEngine:
    """Return the engine of one instance, its queues declared. Raises Unreachable, or Terminal where a broker denies it."""
    name = f"winnowry {pump.cluster} {pump.name}/{number}"
    source = connect(AmqpSettings(urls=wiring.source, name=name))
    target = connect(AmqpSettings(urls=wiring.target, name=name))
    source.declare(wiring.topology)
    later = _declare_later(wiring.target_account, pump.name, target)
    memory = _memory_of(pump)
    pump = replace(pump, memory=memory)
    fetching = pump.kind in FETCHING
    engine = DirectEngine(
        pump,
        PUMPS[pump.kind],
        source=source,
        target=target,
        desk=BrokerDesk(pump, wiring.target_account),
        memory=memory.open() if memory is not None else None,
        later_queues=later,
        limit=ROUND_OF_FETCHING if fetching else ROUND_OF_RELAYING,
        prefetch=wiring.prefetch,
        twice=twice,
    )
    if fetching:
        transfers_for(pump.files).on_finished = engine.transfer_finished
    return engine


def _memory_of(pump: Pump) -> DirectMemory | None:
    if pump.kind not in REMEMBERING:
        return None
    scope = Scope(same=pump.same, by_source=pump.kind == "sarra" and pump.layout.separates_sources)
    pump.root.mkdir(parents=True, exist_ok=True)
    return DirectMemory(
        folder=pump.state / "memory", remember=pump.remember, shared=pump.instances > 1, scope=scope, root=pump.root
    )


def _declare_later(account: str, pump: str, target: Broker) -> tuple[str, ...]:
    target.declare(Topology(queues=(*later_topology(account, pump), dead_queue(account, pump))))
    return tuple(later_queue(account, pump, delay) for delay in DELAYS)
