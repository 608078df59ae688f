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
from winnowry.runners.cluster.load import load_cluster


def status(file: AskedFile = None, credentials: CredentialsFile = None, as_json: Json = False) -> None:
    """Ask each running pump how it is. Ends with 1 when one does not answer, or none is running.

    Example: `winnowry status cluster.yaml --json`
    """
    found = ask_cluster(load_cluster(file, credentials)) if file is not None else ask_user()
    if as_json:
        typer.echo(json.dumps(found))
    elif found:
        Console().print(_table(found))
    else:
        typer.echo("no pump is running")
    if not found or any("error" in answer for answer in found):
        raise typer.Exit(1)


def _table(found: list[dict[str, Any]]) -> Table:
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
