"""`winnowry dead-letters`: what was given up, and why."""

import typer

dead_letters = typer.Typer(no_args_is_help=True, help="List and show what was given up, and why.")
