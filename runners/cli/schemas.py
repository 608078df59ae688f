"""`winnowry schemas`: the contracts, for other programs to read."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from winnowry.runners.cluster.settings import json_schema
from winnowry.schemas.errors import ConfigError

schemas = typer.Typer(no_args_is_help=True, help="Check or export the contracts: the cluster file's and the messages'.")

Folder = Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to; it is made.")]


@schemas.command()
def export(into: Folder = Path("schemas")) -> None:
    """Write the JSON Schema of the cluster file and the Avro schemas of all messages.

    Example: `winnowry schemas export --into schemas`
    """
    into.mkdir(parents=True, exist_ok=True)
    (into / "cluster-file.schema.json").write_text(json.dumps(json_schema(), indent=2) + "\n")
    for name, text in contracts().items():
        (into / name).write_text(text)
    for path in sorted(into.iterdir()):
        typer.echo(path)


@schemas.command()
def check() -> None:
    """Check that every Avro contract of this installation can be read.

    Example: `winnowry schemas check`
    """
    for name, text in contracts().items():
        _check(name, text)
        typer.echo(f"{name}: right")


def contracts() -> dict[str, str]:
    """Return the text of each Avro contract by the name of its file."""
    folder = files("winnowry.schemas") / "avro"
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".avsc")]
    return {entry.name: entry.read_text(encoding="utf-8") for entry in sorted(found, key=lambda entry: entry.name)}


def _check(name: str, text: str) -> None:
    from fastavro import parse_schema  # noqa: PLC0415 takes longer to import than all of this
    from fastavro.schema import SchemaParseException, UnknownType  # noqa: PLC0415

    try:
        parse_schema(json.loads(text))
    except (ValueError, SchemaParseException, UnknownType) as error:
        raise ConfigError(f"{name}: {error}") from error
