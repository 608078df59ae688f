"""`winnowry demo`: two sources, two pumps and two consumers on this machine, in a minute."""

import sys

import typer


def demo(context: typer.Context) -> None:
    """Start a broker, two sources, their pumps and two consumers on this machine, and show what happens.

    Example: `winnowry demo`
    """
    from winnowry.runners.demo import main  # noqa: PLC0415 imports Beam

    sys.exit(main(context.args))
