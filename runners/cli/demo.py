"""`winnowry demo`: two sources, two pumps and two consumers on this machine, in a minute."""

from pathlib import Path
from typing import Annotated

import typer

from winnowry.runners.cli.options import naming
from winnowry.runners.cluster.units import parse_size
from winnowry.schemas.errors import ConfigError

Files = Annotated[int, typer.Option(min=1, metavar="N", help="Files that each source announces.")]
Largest = Annotated[str, typer.Option(metavar="SIZE", help="Size of the largest file.")]
Keep = Annotated[bool, typer.Option("--keep", help="Leave the folder with all files and logs.")]
Damage = Annotated[bool, typer.Option("--damage", help="Flip a byte of a delivered file, to see that it is noticed.")]


OnFlink = Annotated[
    Path | None,
    typer.Option("--flink", metavar="JARS", help="Run the pumps on Flink, whose jars `make flink` has assembled here."),
]
Standalone = Annotated[bool, typer.Option("--standalone", help="With --flink: on a cluster of its own, as if on three hosts.")]
InMemory = Annotated[bool, typer.Option("--in-memory", help="Do without servers: the same pumps on a broker in memory.")]


def demo(
    *,
    files: Files = 3000,
    largest: Largest = "200M",
    keep: Keep = False,
    damage: Damage = False,
    in_memory: InMemory = False,
    flink: OnFlink = None,
    standalone: Standalone = False,
) -> None:
    """Start a broker, two sources, their pumps and two consumers on this machine, and judge what is delivered.

    Where RabbitMQ is not installed it is done as with `--in-memory`.

    Example: `winnowry demo --files 300 --largest 1M`
    """
    with naming("--largest"):
        size = parse_size(largest)
    if flink is not None and in_memory:
        raise ConfigError("--in-memory: Flink needs a broker that other processes reach")
    if standalone and flink is None:
        raise ConfigError("--standalone: say by --flink where Flink's jars are")

    from winnowry.runners.demo import flink as engine  # noqa: PLC0415 imports clients of brokers and file servers
    from winnowry.runners.demo.demo import Demo  # noqa: PLC0415

    chosen = engine.OnFlink(jars=flink, standalone=standalone) if flink is not None else None
    raise typer.Exit(Demo(files=files, largest=size, keep=keep, damage=damage, in_memory=in_memory, flink=chosen).run())
