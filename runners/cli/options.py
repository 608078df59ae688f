"""Arguments and options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

ClusterFile = Annotated[Path, typer.Argument(metavar="FILE", help="Cluster file.", show_default=False)]
CredentialsFile = Annotated[
    Path | None,
    typer.Option("--credentials", metavar="FILE", help="Credentials file, instead of the one that the cluster file names."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
UntilIdle = Annotated[bool, typer.Option("--until-idle", help="End when nothing is left to do.")]
