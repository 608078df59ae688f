"""`winnowry dead-letters`: what was given up, and why; try it again, or drop it."""

import json
import sys
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from winnowry.runners.cli.letter_options import (
    DryRun,
    Endings,
    Everything,
    LetterName,
    LetterNames,
    Newer,
    Older,
    Paths,
    Place,
    Pumps,
    Reasons,
    Sources,
    Yes,
    wanted_letters,
)
from winnowry.runners.cli.options import CredentialsFile, Json
from winnowry.runners.cli.shown import cell, shown
from winnowry.runners.cli.subscribe import PUMP, consumer_of
from winnowry.runners.cluster.load import load_cluster
from winnowry.runners.cluster.problem import nearest
from winnowry.schemas.errors import ConfigError

if TYPE_CHECKING:
    from winnowry.runners.chosen_letters import Entry, Wanted
    from winnowry.runners.letterbox import Letterbox

dead_letters = typer.Typer(no_args_is_help=True, help="List and show what was given up, and why; resubmit or drop it.")

COLUMNS = ("pump", "name", "when", "ending", "reason", "attempts", "source", "path", "detail")
Verb = Literal["resubmit", "drop"]
PAST: dict[Verb, str] = {"resubmit": "resubmitted", "drop": "dropped"}
_SHOWN = 20
"""Letters that are shown before a question; of the others only their number is told."""
_MANY = 1000
"""Letters from which on a bar shows how far it is."""


@dead_letters.command("list")
def list_letters(
    file: Place,
    *,
    pump: Pumps = None,
    reason: Reasons = None,
    ending: Endings = None,
    source: Sources = None,
    path: Paths = None,
    older_than: Older = None,
    newer_than: Newer = None,
    credentials: CredentialsFile = None,
    as_json: Json = False,
) -> None:
    """List the dead letters of a cluster, the oldest of each pump first. They stay where they are.

    Example: `winnowry dead-letters list cluster.yaml --pump ingest`
    """
    wanted = wanted_letters(
        pump=pump, reason=reason, ending=ending, source=source, path=path, older_than=older_than, newer_than=newer_than
    )
    entries = wanted.entries(_boxes(file, credentials, wanted.pumps))
    if as_json:
        typer.echo(json.dumps([entry.row() for entry in entries]))
    elif entries:
        Console().print(_table(entries))
    else:
        typer.echo("no dead letters")


@dead_letters.command()
def show(file: Place, name: LetterName, *, credentials: CredentialsFile = None) -> None:
    """Show a dead letter: what became of it, and the message as it first came.

    Example: `winnowry dead-letters show cluster.yaml 8fbc4c15`
    """
    boxes = _boxes(file, credentials, ())
    found = [_in_full(pump, letter) for pump, box in boxes.items() for letter in box.read() if letter.name.startswith(name)]
    for letter in found:
        typer.echo(shown(json.dumps(letter, indent=2, ensure_ascii=False, default=str)))
    if not found:
        raise ConfigError(f"no dead letter has a name that begins with {name}")


@dead_letters.command()
def resubmit(
    file: Place,
    names: LetterNames = None,
    *,
    pump: Pumps = None,
    reason: Reasons = None,
    ending: Endings = None,
    source: Sources = None,
    path: Paths = None,
    older_than: Older = None,
    newer_than: Newer = None,
    everything: Everything = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    credentials: CredentialsFile = None,
    as_json: Json = False,
) -> None:
    """Let pumps try dead letters again, from the first attempt: those with these names, or those that pass all filters.

    Shows them and asks first; without a terminal it wants `--yes`. Each copy is confirmed before its letter is removed: when it
    is interrupted letters stay, and none is lost. Ends with 1 when the answer is no.

    Example: `winnowry dead-letters resubmit cluster.yaml --pump ingest --reason not_found --newer-than 1d`
    """
    wanted = wanted_letters(
        pump=pump, reason=reason, ending=ending, source=source, path=path, older_than=older_than, newer_than=newer_than
    )
    boxes = _boxes(file, credentials, wanted.pumps)
    chosen = _chosen(wanted, boxes, names or [], everything)
    _act("resubmit", chosen, boxes, ask=not yes, dry_run=dry_run, as_json=as_json)


@dead_letters.command()
def drop(
    file: Place,
    names: LetterNames = None,
    *,
    pump: Pumps = None,
    reason: Reasons = None,
    ending: Endings = None,
    source: Sources = None,
    path: Paths = None,
    older_than: Older = None,
    newer_than: Newer = None,
    everything: Everything = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    credentials: CredentialsFile = None,
    as_json: Json = False,
) -> None:
    """Remove dead letters for good: those with these names, or those that pass all filters.

    Shows them and asks first; without a terminal it wants `--yes`. Ends with 1 when the answer is no.

    Example: `winnowry dead-letters drop cluster.yaml --older-than 30d`
    """
    wanted = wanted_letters(
        pump=pump, reason=reason, ending=ending, source=source, path=path, older_than=older_than, newer_than=newer_than
    )
    boxes = _boxes(file, credentials, wanted.pumps)
    chosen = _chosen(wanted, boxes, names or [], everything)
    _act("drop", chosen, boxes, ask=not yes, dry_run=dry_run, as_json=as_json)


def _boxes(file: Path, credentials: Path | None, pumps: Collection[str]) -> "dict[str, Letterbox]":
    from winnowry.runners.letterbox import boxes_of, boxes_of_consumer  # noqa: PLC0415 imports the broker's client

    boxes = boxes_of_consumer(consumer_of(file), PUMP) if file.is_dir() else boxes_of(load_cluster(file, credentials))
    for name in pumps:
        if name not in boxes:
            raise ConfigError(f"no pump is called `{name}`; {nearest(name, list(boxes))}")
    return boxes


def _chosen(wanted: "Wanted", boxes: "dict[str, Letterbox]", names: list[str], everything: bool) -> "list[Entry]":
    from winnowry.runners.chosen_letters import Wanted, named  # noqa: PLC0415 imports the broker's client

    if wanted == Wanted() and not names and not everything:
        raise ConfigError("which dead letters? Name them, say which by --pump, --reason and the like, or say --all")
    entries = wanted.entries(boxes)
    return named(entries, names) if names else entries


def _act(verb: Verb, chosen: "list[Entry]", boxes: "dict[str, Letterbox]", *, ask: bool, dry_run: bool, as_json: bool) -> None:
    """Show what is chosen, ask, do it pump by pump, and tell how many were done."""
    if not as_json:
        _show_chosen(chosen)
    if chosen and ask and not dry_run:
        _confirm(verb, len(chosen))
    done = 0 if dry_run else _do(verb, chosen, boxes)
    past = PAST[verb]
    if as_json:
        typer.echo(json.dumps({past: done, "chosen": [entry.row() for entry in chosen]}))
    else:
        typer.echo(f"{len(chosen)} would be {past}" if dry_run else f"{done} {past}")


def _show_chosen(chosen: "list[Entry]") -> None:
    if chosen:
        Console().print(_table(chosen[:_SHOWN]))
    if len(chosen) > _SHOWN:
        typer.echo(f"and {len(chosen) - _SHOWN} more")


def _confirm(verb: str, count: int) -> None:
    question = f"{verb} {count} dead letter{'' if count == 1 else 's'}?"
    if not sys.stdin.isatty():
        raise ConfigError(f"{question} Nobody is there to answer: say --yes, or --dry-run to see which")
    if not typer.confirm(question, err=True):
        typer.echo("nothing was changed", err=True)
        raise typer.Exit(1)


def _do(verb: Verb, chosen: "list[Entry]", boxes: "dict[str, Letterbox]") -> int:
    names: dict[str, set[str]] = {}
    for entry in chosen:
        names.setdefault(entry.pump, set()).add(entry.name)
    done = 0
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal or len(chosen) < _MANY, transient=True) as progress:
        task = progress.add_task(verb, total=len(chosen))
        for pump, its in names.items():
            act = boxes[pump].resubmit if verb == "resubmit" else boxes[pump].drop
            done += act(its, partial(_advance, progress, task, done))
    return done


def _advance(progress: Progress, task: TaskID, before: int, count: int) -> None:
    progress.update(task, completed=before + count)


def _table(entries: "Sequence[Entry]") -> Table:
    table = Table(*COLUMNS)
    for entry in entries:
        row = entry.row()
        table.add_row(*(cell(row[column]) for column in COLUMNS))
    return table


def _in_full(pump: str, letter: Any) -> dict[str, Any]:
    from winnowry.runners.chosen_letters import Entry, post_of  # noqa: PLC0415 imports the broker's client

    message = letter.message
    headers, body = dict(message.headers), message.body.decode(errors="replace")
    came = {"queue": message.queue, "exchange": message.exchange, "routing_key": message.routing_key}
    came |= {"content_type": message.content_type, "headers": headers, "body": body}
    return Entry.of(pump, letter, post_of(letter)).row() | came
