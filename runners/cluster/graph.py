"""The graph of a cluster's pumps, as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from winnowry.io.broker import Queue
from winnowry.runners.cluster.accounts import account, reports
from winnowry.runners.cluster.administration import Administration
from winnowry.runners.cluster.rules import targets
from winnowry.runners.cluster.settings import ClusterSettings
from winnowry.runners.cluster.wiring import exchanges, topology


@dataclass(frozen=True, kw_only=True)
class Node:
    """One pump of the graph. ``place`` is the broker it consumes from where that is not the cluster's own."""

    name: str
    kind: str
    account: str
    instances: int
    queues: tuple[Queue, ...]
    targets: tuple[str, ...]
    reports: str | None
    place: str


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The pumps of a cluster, and the exchanges of its own broker."""

    cluster: str
    pumps: tuple[Node, ...]
    exchanges: tuple[str, ...]


def graph_of(cluster: ClusterSettings) -> Graph:
    """Return the graph of a cluster, pumps in the order of the file."""
    return Graph(
        cluster=cluster.cluster,
        pumps=tuple(_node(cluster, name) for name in cluster.pumps),
        exchanges=exchanges(cluster),
    )


def _node(cluster: ClusterSettings, name: str) -> Node:
    pump = cluster.pumps[name]
    return Node(
        name=name,
        kind=pump.kind,
        account=account(cluster, pump),
        instances=pump.instances,
        queues=topology(cluster, name).queues,
        targets=tuple(targets(pump)),
        reports=reports(cluster, pump),
        place=pump.origin.feeder or "",
    )


def render(graph: Graph, wanted: Administration, presence: Mapping[str, str]) -> str:
    """Return the whole plan. ``presence`` says of names of queues and exchanges whether they are there."""
    lines = [f"cluster {graph.cluster}", "", "pumps"]
    for pump in graph.pumps:
        lines += _pump(pump, presence)
    lines += ["", "exchanges (`winnowry declare` makes them)"]
    lines += [f"  {name}{_said(name, presence)}" for name in graph.exchanges]
    lines += ["", "permissions (`winnowry declare` gives them)", *_permissions(wanted)]
    return "\n".join(lines)


def _pump(pump: Node, presence: Mapping[str, str]) -> Sequence[str]:
    times = f", {pump.instances} instances" if pump.instances > 1 else ""
    where = f", from {pump.place}" if pump.place else ""
    lines = [f"  {pump.name}: {pump.kind}{times}, run by {pump.account}{where}"]
    for queue in pump.queues:
        lines += [
            f"    {exchange} ─{key}─▶ {queue.name} ({queue.kind}){_said(queue.name, presence)}"
            for exchange, key in queue.bindings
        ]
    lines.append(f"    ─▶ {', '.join(pump.targets) or 'files'}")
    if pump.reports is not None:
        lines.append(f"    Reports ─▶ {pump.reports}")
    return lines


def _said(name: str, presence: Mapping[str, str]) -> str:
    return f"  [{presence[name]}]" if name in presence else ""


def _permissions(wanted: Administration) -> list[str]:
    return [f"  {g.user}: configure {g.configure}  write {g.write}  read {g.read}" for g in wanted.grants]
