"""Where a pump's announcements come from and go to: edges, queues, brokers."""

from dataclasses import dataclass, field

from winnowry.io.broker import Queue, Topology
from winnowry.runners.cluster.accounts import account, keepers, on_flink, own_brokers, reported_to
from winnowry.runners.cluster.address import account_of
from winnowry.runners.cluster.load import Cluster
from winnowry.runners.cluster.rules import targets
from winnowry.runners.cluster.settings import ClusterSettings
from winnowry.schemas.edge import InputEdge, OutputEdge

TOPIC_PREFIXES = ("v03", "v03.post", "v02.post")
"""What topics begin with, of announcements that existing networks send."""

HEARD_ELSEWHERE = frozenset({"xpublic", "xprivate"})
"""Exchanges for consumers and feeders, where nobody listening is normal."""


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """What one pump needs of brokers: URLs to consume from (``source``) and to publish to (``target``), and its queues there.

    The URLs hold passwords. ``target_account`` is the one that publishes, and owns later queues and dead letters there;
    it is not the one that consumes where that is another cluster's broker. ``prefetch`` is how many Deliveries one instance
    holds unsettled.
    """

    source: tuple[str, ...] = field(repr=False)
    target: tuple[str, ...] = field(repr=False)
    target_account: str
    topology: Topology
    prefetch: int


def wiring(cluster: Cluster, name: str) -> Wiring:
    """Return what the pump ``name`` needs of brokers. Raises ConfigError where a password is not known."""
    pump = cluster.settings.pumps[name]
    own = own_brokers(cluster.settings, pump)
    ours = keepers(cluster.settings, pump) if on_flink(cluster.settings) else own
    theirs = (pump.origin.feeder,) if pump.origin.feeder is not None else own
    return Wiring(
        source=tuple(cluster.credentials.require(url) for url in theirs),
        target=tuple(cluster.credentials.require(url) for url in ours),
        target_account=account_of(ours[0]),
        topology=topology(cluster.settings, name),
        prefetch=pump.prefetch,
    )


def inputs(cluster: ClusterSettings, name: str) -> tuple[InputEdge, ...]:
    """Return the input edges of the pump ``name``: one queue a source, so that holding one never delays another."""
    pump = cluster.pumps[name]
    queue = pump.queue_name or f"q_{account(cluster, pump)}.{name}"
    if pump.origin.feeder is not None:
        return (InputEdge(kind="feeder", queue=queue, exchange=pump.origin.exchange),)
    if pump.origin.sources:
        users = pump.origin.sources
        return tuple(InputEdge(kind="user", queue=f"{queue}.{user}", exchange=f"xs_{user}", user=user) for user in users)
    exchanges = pump.origin.exchanges
    several = len(exchanges) > 1
    return tuple(
        InputEdge(kind="internal", queue=f"{queue}.{exchange}" if several else queue, exchange=exchange)
        for exchange in exchanges
    )


def output(cluster: ClusterSettings, exchange: str | None) -> OutputEdge | None:
    """Return the output edge that this exchange is; None for none.

    Nobody listening is normal, unless a pump of this cluster ought to listen.
    """
    if exchange is None:
        return None
    listened = any(exchange in pump.origin.exchanges for pump in cluster.pumps.values())
    return OutputEdge(exchange=exchange, unheard=exchange in HEARD_ELSEWHERE or not listened)


def binding_keys(subtopics: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys that bind a queue to these parts of the topic tree.

    >>> binding_keys(())
    ('#',)
    >>> binding_keys(("*.observations.#",))
    ('v03.*.observations.#', 'v03.post.*.observations.#', 'v02.post.*.observations.#')
    """
    if not subtopics:
        return ("#",)
    return tuple(f"{prefix}.{subtopic.replace('/', '.')}" for subtopic in subtopics for prefix in TOPIC_PREFIXES)


def topology(cluster: ClusterSettings, name: str) -> Topology:
    """Return what the pump ``name`` declares where it consumes: its queues. Exchanges are declared by administrators."""
    pump = cluster.pumps[name]
    keys = binding_keys(pump.subtopic)
    expires = pump.expires.total_seconds() if pump.expires is not None else None
    return Topology(
        queues=tuple(
            Queue(name=edge.queue, bindings=tuple((edge.exchange, key) for key in keys), kind=pump.queue, expires=expires)
            for edge in inputs(cluster, name)
        )
    )


def exchanges(cluster: ClusterSettings) -> tuple[str, ...]:
    """Return the exchanges of this cluster's own broker that its users and pumps need, sorted."""
    found = set(cluster.exchanges) | reported_to(cluster)
    for user, settings in cluster.users.items():
        if settings.role == "source":
            found |= {f"xs_{user}", f"sx_{user}"}
    for pump in cluster.pumps.values():
        found |= {*targets(pump), *pump.origin.exchanges}
    return tuple(sorted(found))
