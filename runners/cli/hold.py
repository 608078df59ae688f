"""`winnowry hold` and `winnowry lift`: pause a running pump, and let it go on."""

import getpass
from typing import Annotated, Any

import typer

from winnowry.runners.cli.options import ClusterFile, CredentialsFile
from winnowry.runners.cluster.load import load_cluster
from winnowry.runners.cluster.problem import nearest
from winnowry.runners.control import ask
from winnowry.schemas.errors import ConfigError, Unreachable

PumpName = Annotated[str, typer.Argument(metavar="PUMP", help="The pump; all its running instances are asked.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; `winnowry status` shows it.")]


def hold(file: ClusterFile, pump: PumpName, *, reason: Why, credentials: CredentialsFile = None) -> None:
    """Pause a pump: it takes nothing more, gives back what it has not begun, and finishes what is underway.

    Ends with 1 when no instance of it is running. The hold outlives the process: only `winnowry lift` ends it.

    Example: `winnowry hold cluster.yaml ingest --reason 'the disks are moved'`
    """
    _ask_all(file, pump, credentials, {"do": "hold", "reason": reason, "by": getpass.getuser()})


def lift(file: ClusterFile, pump: PumpName, *, credentials: CredentialsFile = None) -> None:
    """Let a held pump go on.

    Example: `winnowry lift cluster.yaml ingest`
    """
    _ask_all(file, pump, credentials, {"do": "lift"})


def _ask_all(file: ClusterFile, pump: str, credentials: CredentialsFile, request: dict[str, Any]) -> None:
    cluster = load_cluster(file, credentials)
    if pump not in cluster.settings.pumps:
        raise ConfigError(f"no pump is called `{pump}`; {nearest(pump, list(cluster.settings.pumps))}")
    answers = 0
    for socket in sorted(cluster.state.glob(f"{pump}/*/control.sock")):
        try:
            answer = ask(socket, request)
        except Unreachable as error:
            typer.echo(f"{pump}/{socket.parts[-2]} does not answer: {error.detail}", err=True)
            continue
        answers += 1
        typer.echo(f"{pump}/{socket.parts[-2]} is {answer['state']}")
    if not answers:
        typer.echo(f"no instance of {pump} is running", err=True)
        raise typer.Exit(1)
