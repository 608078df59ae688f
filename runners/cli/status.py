"""`winnowry status`: how the running pumps are."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from winnowry.runners.cli.options import CredentialsFile, Json
from winnowry.runners.cli.shown import cell
from winnowry.runners.cluster.load import Cluster, default_state, load_cluster
from winnowry.runners.control import ask
from winnowry.schemas.errors import Unreachable

AskedFile = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="Cluster file; without it, all clusters of this user.", show_default=False),
]


def status(file: AskedFile = None, credentials: CredentialsFile = None, as_json: Json = False) -> None:
    """Ask each running pump how it is. Ends with 1 when one does not answer, or none is running.

    Example: `winnowry status cluster.yaml --json`
    """
    found = _of_cluster(load_cluster(file, credentials)) if file is not None else _of_user(default_state(os.environ))
    if as_json:
        typer.echo(json.dumps(found))
    elif found:
        Console().print(_table(found))
    else:
        typer.echo("no pump is running")
    if not found or any("error" in answer for answer in found):
        raise typer.Exit(1)


def _of_cluster(cluster: Cluster) -> list[dict[str, Any]]:
    return [_asked(cluster.name, socket) for socket in sorted(cluster.state.glob("*/*/control.sock"))]


def _of_user(folder: Path) -> list[dict[str, Any]]:
    return [_asked(socket.parts[-4], socket) for socket in sorted(folder.glob("*/*/*/control.sock"))]


def _asked(cluster: str, socket: Path) -> dict[str, Any]:
    place = {"cluster": cluster, "pump": socket.parts[-3], "instance": socket.parts[-2]}
    try:
        return place | ask(socket, {"do": "status"})
    except Unreachable as error:
        return place | {"error": error.detail}


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
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds")
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(name, inner)}" for name, inner in value.items())
    return str(value)
