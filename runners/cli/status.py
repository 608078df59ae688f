"""`winnowry status`: how the running pumps are."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from winnowry.runners.cli.options import CredentialsFile, Json
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
    columns = list(dict.fromkeys(key for answer in found for key in answer))
    table = Table(*columns)
    for answer in found:
        table.add_row(*(_cell(answer.get(column, "")) for column in columns))
    return table


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key} {inner}" for key, inner in value.items())
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)
