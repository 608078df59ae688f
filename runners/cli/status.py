"""`winnowry status`: how the running pumps are."""

import json
from collections.abc import Iterator
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from winnowry.runners.cli.asked import ask_cluster, ask_user, moment
from winnowry.runners.cli.options import AskedFile, CredentialsFile, Json
from winnowry.runners.cli.shown import cell
from winnowry.runners.cluster.load import Cluster, load_cluster


def status(file: AskedFile = None, credentials: CredentialsFile = None, as_json: Json = False) -> None:
    """Ask each running pump how it is. Ends with 1 when one does not answer, or none is running.

    Example: `winnowry status cluster.yaml --json`
    """
    found = _all_of(load_cluster(file, credentials)) if file is not None else ask_user()
    if as_json:
        typer.echo(json.dumps(found))
    elif found:
        Console().print(table_of(found))
    else:
        typer.echo("no pump is running")
    if not found or any("error" in answer for answer in found):
        raise typer.Exit(1)


def _all_of(cluster: Cluster) -> list[dict[str, Any]]:
    """Return what the processes on this host answer, and what Flink says of its jobs where the pumps are on a cluster."""
    found, master = ask_cluster(cluster), cluster.settings.engine.master
    if cluster.settings.engine.name != "flink" or master is None:
        return found
    from winnowry.runners.flink.health import health  # noqa: PLC0415 imports the broker's client
    from winnowry.runners.flink.rest import Rest  # noqa: PLC0415 imports requests

    return [*found, *(health(cluster, name, Rest(f"http://{master}")) for name in cluster.settings.pumps)]


def table_of(found: list[dict[str, Any]]) -> Table:
    """Return a table of answers, a row each."""
    table = Table("pump", "state", "")
    for answer in found:
        pump = f"{answer['cluster']}\n{answer['pump']}/{answer['instance']}"
        table.add_row(*map(cell, (pump, answer.get("state", "no answer"), "\n".join(_details(answer)))))
    return table


def _details(answer: dict[str, Any]) -> Iterator[str]:
    """Tell the rest, a line each; what is nothing is left out, so that the table fits into a terminal."""
    for key, value in answer.items():
        if value and key not in ("cluster", "pump", "instance", "state"):
            yield f"{key}: {_told(key, value)}"


def _told(key: str, value: object) -> str:
    if key == "since" and isinstance(value, float):
        return moment(value)
    if key == "holds" and isinstance(value, list):
        return "; ".join(f"{hold['reason']} ({hold['cause']}, {hold['by']}, since {moment(hold['since'])})" for hold in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(name, inner)}" for name, inner in value.items())
    return str(value)
