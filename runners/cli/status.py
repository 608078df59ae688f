"""`winnowry status`: how the running pumps are."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from winnowry.runners.cli.options import CredentialsFile, Json
from winnowry.runners.cluster.load import default_state, load_cluster
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
    folder = load_cluster(file, credentials).state if file is not None else default_state(os.environ)
    found = [_asked(socket) for socket in sorted(folder.glob("*/*/control.sock" if file is not None else "*/*/*/control.sock"))]
    if as_json:
        typer.echo(json.dumps(found))
    elif found:
        Console().print(_table(found))
    else:
        typer.echo("no pump is running")
    if not found or any("error" in answer for answer in found):
        raise typer.Exit(1)


def _asked(socket: Path) -> dict[str, Any]:
    cluster, pump, instance = socket.parts[-4:-1]
    place = {"cluster": cluster, "pump": pump, "instance": instance}
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
