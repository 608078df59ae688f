"""`winnowry holds`: which pumps are paused, and why."""

import json
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from winnowry.runners.cli.asked import ask_cluster, ask_user, moment
from winnowry.runners.cli.options import AskedFile, CredentialsFile, Json
from winnowry.runners.cli.shown import cell
from winnowry.runners.cluster.load import load_cluster

COLUMNS = ("pump", "cause", "reason", "by", "since", "lifted_by")


def holds(file: AskedFile = None, credentials: CredentialsFile = None, as_json: Json = False) -> None:
    """List the holds of the running pumps: why each is paused, since when, and who or what lifts it.

    Ends with 0 also when nothing is held, with 1 when a pump does not answer.

    Example: `winnowry holds cluster.yaml`
    """
    answers = ask_cluster(load_cluster(file, credentials)) if file is not None else ask_user()
    rows = [_row(answer, hold) for answer in answers for hold in answer.get("holds", ())]
    if as_json:
        typer.echo(json.dumps(rows))
    elif rows:
        Console().print(_table(rows))
    else:
        typer.echo("nothing is held")
    silent = [answer for answer in answers if "error" in answer]
    for answer in silent:
        typer.echo(f"{answer['pump']}/{answer['instance']} does not answer: {answer['error']}", err=True)
    if silent:
        raise typer.Exit(1)


def _row(answer: dict[str, Any], hold: dict[str, Any]) -> dict[str, Any]:
    return {"cluster": answer["cluster"], "pump": f"{answer['pump']}/{answer['instance']}"} | hold


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(*(column.replace("_", " ") for column in COLUMNS))
    for row in rows:
        table.add_row(*(cell(moment(row[column]) if column == "since" else str(row[column])) for column in COLUMNS))
    return table
