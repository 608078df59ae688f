"""Arguments and options that several verbs share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from winnowry.schemas.errors import ConfigError

ClusterFile = Annotated[Path, typer.Argument(metavar="FILE", help="Cluster file.", show_default=False)]
AskedFile = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="Cluster file; without it, all clusters of this user.", show_default=False),
]
CredentialsFile = Annotated[
    Path | None,
    typer.Option(
        "--credentials",
        metavar="FILE",
        help="Credentials file, instead of the cluster file's or of `~/.config/winnowry/credentials.conf`.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
UntilIdle = Annotated[bool, typer.Option("--until-idle", help="End when nothing is left to do but what waits in later queues.")]


@contextmanager
def naming(option: str) -> Iterator[None]:
    """Turn a ValueError about the value of ``option`` into a ConfigError that names it."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from None
