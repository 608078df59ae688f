"""`winnowry demo`: two sources, two pumps and two consumers on this machine, in a minute."""

from typing import Annotated

import typer

Keep = Annotated[bool, typer.Option("--keep", help="Keep the folder with all trees, logs and settings, and say where it is.")]
Files = Annotated[int, typer.Option(metavar="N", min=100, help="Files that each source has.")]
Largest = Annotated[int, typer.Option(metavar="BYTES", min=0, help="Size of the largest file.")]
Damage = Annotated[bool, typer.Option("--damage", hidden=True, help="Flip a byte of a delivered file: the demo must fail.")]


def demo(keep: Keep = False, files: Files = 3000, largest: Largest = 200_000_000, damage: Damage = False) -> None:
    """Start a broker, two sources, their pumps and two consumers on this machine, and show what happens.

    Both sources announce the same awkward files; the file server of one is killed half-way. Ends with 0 when both consumers
    have exactly what was announced, else with 1 and the reasons. Needs RabbitMQ and nginx; leaves nothing behind.

    Example: `winnowry demo`
    """
    from winnowry.runners.demo.demo import Demo  # noqa: PLC0415 the broker's client takes 0.1 s to import

    raise typer.Exit(Demo(files=files, largest=largest, keep=keep, damage=damage).run())
