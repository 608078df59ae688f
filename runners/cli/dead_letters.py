"""`winnowry dead-letters`: what was given up, and why."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from winnowry.runners.cli.options import ClusterFile, CredentialsFile, Json
from winnowry.runners.cli.shown import cell, shown
from winnowry.runners.cluster.load import Cluster, load_cluster
from winnowry.runners.cluster.wiring import wiring
from winnowry.schemas.errors import ConfigError, Terminal
from winnowry.schemas.reasons import Reason

if TYPE_CHECKING:
    from winnowry.io.dead import DeadLetter

dead_letters = typer.Typer(no_args_is_help=True, help="List and show what was given up, and why.")

PumpName = Annotated[str | None, typer.Option("--pump", metavar="PUMP", help="Only those of this pump.")]
LetterName = Annotated[
    str, typer.Argument(metavar="NAME", help="The letter's name, as `list` shows it; its beginning is enough.")
]
COLUMNS = ("pump", "name", "when", "ending", "reason", "attempts", "detail")


@dead_letters.command("list")
def list_letters(
    file: ClusterFile, *, pump: PumpName = None, credentials: CredentialsFile = None, as_json: Json = False
) -> None:
    """List the dead letters of a cluster, the oldest of each pump first. They stay where they are.

    Example: `winnowry dead-letters list cluster.yaml --pump ingest`
    """
    found = _letters(load_cluster(file, credentials), pump)
    rows = [_row(name, letter) for name, letter in found]
    if as_json:
        typer.echo(json.dumps(rows))
    elif rows:
        table = Table(*COLUMNS)
        for row in rows:
            table.add_row(*(cell(row[column]) for column in COLUMNS))
        Console().print(table)
    else:
        typer.echo("no dead letters")


@dead_letters.command()
def show(file: ClusterFile, name: LetterName, *, credentials: CredentialsFile = None) -> None:
    """Show a dead letter: what became of it, and the message as it first came.

    Example: `winnowry dead-letters show cluster.yaml 8fbc4c15`
    """
    found = [(pump, letter) for pump, letter in _letters(load_cluster(file, credentials), None) if letter.name.startswith(name)]
    if not found:
        raise ConfigError(f"no dead letter has a name that begins with {name}")
    for pump, letter in found:
        message = letter.message
        told = _row(pump, letter) | {"queue": message.queue, "exchange": message.exchange, "routing_key": message.routing_key}
        told |= {
            "content_type": message.content_type,
            "headers": dict(message.headers),
            "body": message.body.decode(errors="replace"),
        }
        typer.echo(shown(json.dumps(told, indent=2, ensure_ascii=False, default=str)))


def _letters(cluster: Cluster, pump: str | None) -> "list[tuple[str, DeadLetter]]":
    if pump is not None and pump not in cluster.settings.pumps:
        raise ConfigError(f"no pump is called `{pump}`")
    names = [pump] if pump is not None else list(cluster.settings.pumps)
    return [(name, letter) for name in names for letter in _letters_of(cluster, name)]


def _letters_of(cluster: Cluster, name: str) -> "list[DeadLetter]":
    from winnowry.io.amqp.browse import browse  # noqa: PLC0415 the broker's client takes 0.1 s to import
    from winnowry.io.amqp.settings import AmqpSettings  # noqa: PLC0415
    from winnowry.io.dead import dead_queue, read_letter  # noqa: PLC0415

    if cluster.settings.pumps[name].kind == "subscribe":
        return _stored_letters(cluster.state / name)
    wires = wiring(cluster, name)
    queue = dead_queue(wires.target_account, name).name
    try:
        return [read_letter(delivery) for delivery in browse(AmqpSettings(urls=wires.target), queue)]
    except Terminal as error:
        if error.reason is Reason.NOT_FOUND:  # the pump has never run
            return []
        raise


def _stored_letters(state: Path) -> "list[DeadLetter]":
    """A consumer keeps its dead letters on its own disk, since the broker is not its own."""
    from winnowry.io.later_store import LaterStore, stores_of  # noqa: PLC0415

    return [letter for file in stores_of(state) for letter in LaterStore(file).browse()]


def _row(pump: str, letter: "DeadLetter") -> dict[str, Any]:
    when = datetime.fromtimestamp(letter.when / 1e9, UTC).isoformat(timespec="seconds")
    told = {"ending": letter.ending, "reason": letter.reason, "attempts": letter.attempts, "detail": letter.detail}
    return {"pump": pump, "name": letter.name, "when": when} | told
