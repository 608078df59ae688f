"""`winnowry flink`: operate pumps on a Flink cluster."""

import json
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from winnowry.runners.cli.asked import moment
from winnowry.runners.cli.flink_hosts import local, workers
from winnowry.runners.cli.flink_options import Afresh, Bare, From, Into, Master, Patience, PumpName, PumpNames, Pumps
from winnowry.runners.cli.options import ClusterFile, CredentialsFile, Json
from winnowry.runners.cli.shown import cell
from winnowry.runners.cli.status import table_of
from winnowry.schemas.errors import ConfigError

if TYPE_CHECKING:
    from winnowry.runners.flink.operate import Operator, Submit

flink = typer.Typer(no_args_is_help=True, help="Run pumps on a Flink cluster: start, watch, stop and upgrade them.")

_RUNS = "{pump} runs as job {job}; it goes on from {origin}"
flink.command()(workers)
flink.command()(local)


@flink.command()
def start(
    file: ClusterFile,
    pumps: PumpNames = None,
    *,
    origin: From = None,
    afresh: Afresh = False,
    wait: Patience = 180.0,
    master: Master = None,
    into: Into = None,
    credentials: CredentialsFile = None,
    as_json: Json = False,
) -> None:
    """Hand pumps to Flink, and return when they run. Each goes on from its newest complete savepoint or checkpoint.

    Ends with 1 when one does not run, with 2 when one ran already.

    Example: `winnowry flink start cluster.yaml fuse`
    """
    chosen = Pumps(file, pumps, master, credentials)
    if origin is not None and len(chosen.names) != 1:
        raise ConfigError("--from: name the pump that goes on from there, one alone")
    operator = chosen.operator(into)
    for name in chosen.names:
        operator.need_stopped(name)

    from winnowry.runners.flink.detach import detached  # noqa: PLC0415 imports Beam

    with detached(chosen.cluster, chosen.master, _warn) as submit:

        def act(name: str) -> dict[str, Any]:
            return _begin(chosen, operator, submit, name, origin=origin, afresh=afresh, wait=wait)

        chosen.each(act, _RUNS, as_json=as_json)


@flink.command()
def status(
    file: ClusterFile,
    pumps: PumpNames = None,
    *,
    master: Master = None,
    credentials: CredentialsFile = None,
    as_json: Json = False,
) -> None:
    """Tell how pumps on Flink are: their jobs, what waits for them, their last checkpoints. Ends with 1 when one does not run.

    Example: `winnowry flink status cluster.yaml --json`
    """
    from winnowry.runners.flink.health import health  # noqa: PLC0415 imports the broker's client

    chosen = Pumps(file, pumps, master, credentials)
    found = [health(chosen.cluster, name, chosen.rest()) for name in chosen.names]
    if as_json:
        typer.echo(json.dumps(found))
    else:
        Console().print(table_of(found))
    if any("error" in answer for answer in found):
        raise typer.Exit(1)


@flink.command()
def savepoint(
    file: ClusterFile,
    pumps: PumpNames = None,
    *,
    master: Master = None,
    into: Into = None,
    credentials: CredentialsFile = None,
    as_json: Json = False,
) -> None:
    """Make a savepoint of pumps, which go on.

    Example: `winnowry flink savepoint cluster.yaml fuse`
    """
    chosen = Pumps(file, pumps, master, credentials)
    operator = chosen.operator(into)
    chosen.each(lambda name: {"savepoint": operator.savepoint(name)}, "{pump} is saved in {savepoint}", as_json=as_json)


@flink.command()
def stop(
    file: ClusterFile,
    pumps: PumpNames = None,
    *,
    bare: Bare = False,
    master: Master = None,
    into: Into = None,
    credentials: CredentialsFile = None,
    as_json: Json = False,
) -> None:
    """Stop pumps, each with a savepoint that `winnowry flink start` goes on from.

    What is announced meanwhile waits in their queues. A pump whose savepoint fails goes on running.

    Example: `winnowry flink stop cluster.yaml fuse`
    """
    chosen = Pumps(file, pumps, master, credentials)
    operator = chosen.operator(into)
    sentence = "{pump} is stopped, with its last checkpoint" if bare else "{pump} is stopped, and saved in {savepoint}"
    chosen.each(lambda name: {"savepoint": operator.stop(name, savepoint=not bare)}, sentence, as_json=as_json)


@flink.command()
def upgrade(
    file: ClusterFile,
    pumps: PumpNames = None,
    *,
    wait: Patience = 180.0,
    master: Master = None,
    into: Into = None,
    credentials: CredentialsFile = None,
    as_json: Json = False,
) -> None:
    """Stop pumps with a savepoint and start them from it, as the cluster file and Winnowry now are. They keep their memory.

    Where a new one does not run, its savepoint stays, and `winnowry flink start` tries again from there.

    Example: `winnowry flink upgrade cluster.yaml fuse`
    """
    chosen = Pumps(file, pumps, master, credentials)
    operator = chosen.operator(into)

    from winnowry.runners.flink.detach import detached  # noqa: PLC0415 imports Beam

    with detached(chosen.cluster, chosen.master, _warn) as submit:

        def act(name: str) -> dict[str, Any]:
            saved = operator.stop(name)
            return _begin(chosen, operator, submit, name, origin=saved, afresh=False, wait=wait)

        chosen.each(act, _RUNS, as_json=as_json)


@flink.command()
def points(
    file: ClusterFile,
    pump: PumpName,
    *,
    master: Master = None,
    into: Into = None,
    credentials: CredentialsFile = None,
    as_json: Json = False,
) -> None:
    """List the complete savepoints and checkpoints that a pump can go on from, the newest first.

    Example: `winnowry flink points cluster.yaml fuse`
    """
    found = Pumps(file, [pump], master, credentials).operator(into).points(pump)
    rows = [
        {"when": moment(point.at), "kind": "savepoint" if point.savepoint else "checkpoint", "url": point.url}
        for point in found
    ]
    if as_json:
        typer.echo(json.dumps(rows))
    elif rows:
        table = Table("when", "kind", "url")
        for row in rows:
            table.add_row(*map(cell, row.values()))
        Console(soft_wrap=True).print(table)
    else:
        typer.echo(f"{pump} has nothing to go on from")


def _begin(
    chosen: Pumps, operator: "Operator", submit: "Submit", name: str, *, origin: str | None, afresh: bool, wait: float
) -> dict[str, Any]:
    from winnowry.runners.flink.checks import wait_until_it_runs  # noqa: PLC0415 imports requests

    started = operator.start(name, submit, origin=origin, afresh=afresh)
    wait_until_it_runs(chosen.rest(), started.job, seconds=wait, warn=lambda sentence: _warn(f"{name}: {sentence}"))
    return {"job": started.job, "origin": started.goes_on_from or "nothing"}


def _warn(sentence: str) -> None:
    typer.echo(sentence, err=True)
