"""The command line: one file a verb, and the one place where errors become exit codes."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console

from winnowry.runners.cli.audit import audit
from winnowry.runners.cli.check import check
from winnowry.runners.cli.dead_letters import dead_letters
from winnowry.runners.cli.declare import declare
from winnowry.runners.cli.demo import demo
from winnowry.runners.cli.flink import flink
from winnowry.runners.cli.hold import hold, lift
from winnowry.runners.cli.holds import holds
from winnowry.runners.cli.plan import plan
from winnowry.runners.cli.post import post
from winnowry.runners.cli.run import run
from winnowry.runners.cli.schemas import schemas
from winnowry.runners.cli.shown import shown
from winnowry.runners.cli.status import status
from winnowry.runners.cli.subscribe import subscribe
from winnowry.runners.credentials import mask
from winnowry.runners.telling import tell
from winnowry.schemas.errors import ConfigError, WinnowryError

EXIT_CODES = {
    0: "what was asked is done; `run` and `subscribe` also after Ctrl-C, when they have drained",
    1: "it failed: a broker cannot be reached, a pump ended badly, something is not as it ought to be",
    2: "the command line or the cluster file is wrong; nothing was started",
    130: "Ctrl-C, of commands that do not drain; `post` was stopped before all was announced",
}

app = typer.Typer(
    name="winnowry",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Move files between organisations: announce, validate, fetch, verify, winnow and re-announce.",
    epilog="Exit codes: 0 done, 1 failed, 2 command line or cluster file wrong, 130 interrupted.",
)
for command in (demo, check, plan, declare, run, post, subscribe, status, audit, hold, lift, holds):
    app.command()(command)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(flink, name="flink")
app.add_typer(schemas, name="schemas")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"winnowry {version('winnowry')}")
        raise typer.Exit


VersionAsked = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")]


@app.callback()
def winnowry(
    version_asked: VersionAsked = False,
) -> None:
    """Move files between organisations: announce, validate, fetch, verify, winnow and re-announce."""


def main() -> None:
    """Run the command line; end the process with a code of ``EXIT_CODES``."""
    tell()
    try:
        app()
    except ConfigError as error:
        sys.exit(_say(error, 2))
    except WinnowryError as error:
        sys.exit(_say(error, 1))


def _say(error: WinnowryError, code: int) -> int:
    Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(shown(mask(str(error))))
    return code
