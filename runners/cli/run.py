"""`winnowry run`: start the pumps of a cluster."""

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from winnowry.runners.cli.options import ClusterFile, CredentialsFile, UntilIdle
from winnowry.runners.cluster.accounts import on_flink
from winnowry.runners.cluster.load import Cluster, load_cluster
from winnowry.runners.cluster.problem import nearest
from winnowry.runners.cluster.settings import ClusterSettings
from winnowry.runners.cluster.wiring import wiring
from winnowry.runners.supervisor import supervise
from winnowry.schemas.errors import ConfigError


class EngineName(StrEnum):
    """What runs the pumps."""

    DIRECT = "direct"
    FLINK = "flink"


Pumps = Annotated[list[str] | None, typer.Argument(metavar="[PUMP]...", help="Pumps to run; all of them when none is named.")]


def run(
    file: ClusterFile,
    pumps: Pumps = None,
    credentials: CredentialsFile = None,
    until_idle: UntilIdle = False,
    engine: Annotated[EngineName | None, typer.Option(help="What runs the pumps; without it, what the file says.")] = None,
) -> None:
    """Run the pumps of a cluster, a process for each instance, until Ctrl-C; then drain and end with 0.

    On Flink a pump is a job, with the settings that the file has under `engine`.

    Example: `winnowry run cluster.yaml ingest fuse`
    """
    cluster = _on(engine, load_cluster(file, credentials))
    options = ["--credentials", str(credentials)] if credentials is not None else []
    instances = instances_of(cluster.settings, pumps or [])
    for name, _ in instances:
        wiring(cluster, name)  # a password that is missing is said now, not by a process that ends at once
    if on_flink(cluster.settings):
        from winnowry.runners.flink.launch import launch  # noqa: PLC0415 imports Beam, which takes seconds

        raise typer.Exit(launch(cluster, list(dict.fromkeys(name for name, _ in instances)), until_idle=until_idle))
    raise typer.Exit(supervise(file, instances, state=cluster.state, until_idle=until_idle, options=options))


def _on(engine: EngineName | None, cluster: Cluster) -> Cluster:
    if engine is None:
        return cluster
    chosen = cluster.settings.engine.model_copy(update={"name": engine.value})
    return replace(cluster, settings=cluster.settings.model_copy(update={"engine": chosen}))


def instances_of(settings: ClusterSettings, pumps: list[str]) -> list[tuple[str, int]]:
    """Return (pump, number from 1) of each process to start. Raises ConfigError for a pump that is not in the file."""
    for name in pumps:
        if name not in settings.pumps:
            raise ConfigError(f"no pump is called `{name}`; {nearest(name, list(settings.pumps))}")
    chosen = list(dict.fromkeys(pumps)) or list(settings.pumps)
    return [(name, number) for name in chosen for number in range(1, settings.pumps[name].instances + 1)]
