"""`winnowry schemas`: the contracts, for other programs to read."""

import json
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
    from winnowry.schemas import contracts  # noqa: PLC0415 Avro takes longer to import than most commands to run

    cluster_file = into / "cluster-file.schema.json"
    try:
        into.mkdir(parents=True, exist_ok=True)
        cluster_file.write_text(json.dumps(json_schema(), indent=2) + "\n", encoding="utf-8")
        written = contracts.export(into)
    except OSError as error:
        raise ConfigError(f"--into: cannot write to {into}: {error.strerror}") from error
    for path in (cluster_file, *written):
        typer.echo(path)


@schemas.command()
def check() -> None:
    """Check that the Avro contracts say the same as the types of this installation. Ends with 1 where they differ.

    Example: `winnowry schemas check`
    """
    from winnowry.schemas import contracts  # noqa: PLC0415 as above

    differences = contracts.check()
    for line in differences or [f"{len(contracts.CONTRACTS)} contracts are right"]:
        typer.echo(line)
    if differences:
        raise typer.Exit(1)
