"""`winnowry plan`: what a cluster file would do, without doing it."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from winnowry.runners.cli.options import ClusterFile, CredentialsFile, Json
from winnowry.runners.cluster.administration import administration
from winnowry.runners.cluster.graph import Graph, graph_of, render
from winnowry.runners.cluster.load import Cluster, load_cluster
from winnowry.runners.cluster.wiring import wiring
from winnowry.schemas.errors import ConfigError

Offline = Annotated[bool, typer.Option("--offline", help="Do not ask the broker what is there.")]


def plan(file: ClusterFile, *, offline: Offline = False, as_json: Json = False, credentials: CredentialsFile = None) -> None:
    """Show the graph of pumps, the exchanges and queues that it touches, and the permissions it needs. Changes nothing.

    The broker is asked, where it can be reached, which of the exchanges and queues are there already.

    Example: `winnowry plan cluster.yaml --offline`
    """
    cluster = load_cluster(file, credentials)
    graph = graph_of(cluster.settings)
    presence = {} if offline else _look(cluster, graph)
    if as_json:
        typer.echo(json.dumps(_described(cluster, graph, presence)))
    else:
        typer.echo(render(graph, administration(cluster.settings), presence))


def _look(cluster: Cluster, graph: Graph) -> dict[str, str]:
    from winnowry.io.amqp.presence import look  # noqa: PLC0415 the broker's client takes 0.1 s to import
    from winnowry.io.amqp.settings import AmqpSettings  # noqa: PLC0415

    presence: dict[str, str] = {}
    try:
        for pump in graph.pumps:
            source = AmqpSettings(urls=wiring(cluster, pump.name).source, patience=5.0)
            presence |= look(source, queues=[queue.name for queue in pump.queues])
        own = AmqpSettings(urls=tuple(map(cluster.credentials.require, cluster.settings.broker)), patience=5.0)
        return presence | look(own, exchanges=graph.exchanges)
    except ConfigError as error:
        typer.echo(f"The broker is not asked: {error}", err=True)
        return presence


def _described(cluster: Cluster, graph: Graph, presence: dict[str, str]) -> dict[str, Any]:
    return {
        "cluster": cluster.name,
        "pumps": [asdict(pump) | {"queues": [queue.name for queue in pump.queues]} for pump in graph.pumps],
        "exchanges": list(graph.exchanges),
        "permissions": [asdict(grant) for grant in administration(cluster.settings).grants],
        "presence": presence,
    }
