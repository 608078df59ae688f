"""Who runs a pump, and where it reports."""

from winnowry.runners.cluster.address import account_of, with_account
from winnowry.runners.cluster.settings import ClusterSettings, PumpSettings


def own_brokers(cluster: ClusterSettings, pump: PumpSettings) -> tuple[str, ...]:
    """Return the URLs of the cluster's broker as this pump's account uses them, without the password."""
    return tuple(with_account(url, pump.account) for url in cluster.broker) if pump.account is not None else cluster.broker


def on_flink(cluster: ClusterSettings) -> bool:
    """Whether the cluster's pumps run on Flink."""
    return cluster.engine.name == "flink"


def keepers(cluster: ClusterSettings, pump: PumpSettings) -> tuple[str, ...]:
    """Return the URLs, without the password, of the cluster's broker as a pump on Flink publishes to it, and keeps later work.

    A `subscribe` does so as the cluster's own account: consumers may not publish to their own queues.
    """
    return cluster.broker if pump.kind == "subscribe" else own_brokers(cluster, pump)


def keeps_on_disk(cluster: ClusterSettings, pump: PumpSettings) -> bool:
    """Whether later work and dead letters of a pump are on the disk of its process, and not in queues."""
    return pump.kind == "subscribe" and not on_flink(cluster)


def account(cluster: ClusterSettings, pump: PumpSettings) -> str:
    """Return the account that runs a pump and owns the queues that it consumes."""
    return account_of(pump.origin.feeder or own_brokers(cluster, pump)[0])


def reports(cluster: ClusterSettings, pump: PumpSettings) -> str | None:
    """Return the exchange that a pump's Reports go to, None for none.

    Another cluster gets none unasked: its broker may have no exchange for them. A `speedo`, which reads Reports, writes none.
    """
    if pump.kind == "speedo":
        return None
    if pump.reports is None:
        return f"xl_{account(cluster, pump)}" if pump.origin.feeder is None else None
    return pump.reports if pump.reports != "none" else None


def reported_to(cluster: ClusterSettings) -> set[str]:
    """Return the exchanges of this cluster's own broker that Reports of pumps and users go to."""
    told = {reports(cluster, pump) for pump in cluster.pumps.values() if pump.origin.feeder is None}
    return {f"xl_{user}" for user in cluster.users} | {exchange for exchange in told if exchange is not None}
