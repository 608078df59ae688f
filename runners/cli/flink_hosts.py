"""`winnowry flink workers` and `local`: what has to run on hosts before a pump can."""

from pathlib import Path
from typing import Annotated

import typer

from winnowry.runners.bell import asked_to_end
from winnowry.runners.cli.options import naming
from winnowry.runners.cluster.units import parse_size

Address = Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where to listen: whoever reaches it can run programs here.")]
StateCache = Annotated[str, typer.Option(metavar="SIZE", help="Memory of each worker for state that it has read.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where checkpoints, savepoints and logs are kept.")]
Jars = Annotated[Path, typer.Option(metavar="FOLDER", help="Flink's jars, as `make flink` assembles them.")]
Port = Annotated[int, typer.Option(min=1, max=65535, metavar="PORT", help="Where Flink's REST interface and dashboard are.")]
PoolPort = Annotated[int, typer.Option(min=1, max=65535, metavar="PORT", help="Where the TaskManagers find their workers.")]
TaskManagers = Annotated[int, typer.Option(min=1, max=16, metavar="N", help="TaskManagers, each with workers of its own.")]


def workers(address: Address, *, state_cache: StateCache = "128Mi") -> None:
    """Be the worker pool of this host's TaskManagers until Ctrl-C: run the pumps' code for them, with this Python.

    Example: `winnowry flink workers 127.0.0.1:50000`
    """
    with naming("--state-cache"):
        size = parse_size(state_cache)

    from winnowry.runners.flink.pool import serve  # noqa: PLC0415 imports Beam

    serve(address, size)


def local(
    folder: Folder, *, jars: Jars, port: Port = 8081, pool_port: PoolPort = 50000, task_managers: TaskManagers = 1
) -> None:
    """Run a small Flink cluster on this machine until Ctrl-C, with all that pumps need. It is there to try things out.

    Example: `winnowry flink local flink --jars build/flink/lib`
    """
    from winnowry.runners.servers.flink_cluster import FlinkCluster  # noqa: PLC0415 imports requests

    stopping = asked_to_end()
    with FlinkCluster(folder, jars, task_managers=task_managers, rest_port=port, pool_port=pool_port) as cluster:
        typer.echo(f"Flink is up at {cluster.rest}. In the cluster file:")
        typer.echo(f'engine: {{name: flink, master: "{cluster.master}", workers: "{cluster.pool}", jars: {jars.resolve()}}}')
        stopping.wait()
