"""`winnowry post`: announce files."""

from pathlib import Path
from typing import Annotated

import typer

from winnowry.runners.cli.options import CredentialsFile, naming
from winnowry.runners.cluster.address import account_of, check_base_url, check_broker
from winnowry.runners.credentials import read_credentials, without_password

Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, and folders with all that is below them.")]
To = Annotated[str, typer.Option("--to", metavar="URL", help="The broker, as in `amqps://alice@broker.example.org/`.")]
BaseUrl = Annotated[str, typer.Option(metavar="URL", help="Where the pump fetches from, as in `https://files.example.org/`.")]
BaseDir = Annotated[Path, typer.Option(metavar="DIR", help="The folder that the base URL shows; without it the current one.")]
ExchangeName = Annotated[str | None, typer.Option(metavar="NAME", help="Exchange; without it `xs_<user>`.")]


def post(
    paths: Paths,
    *,
    to: To,
    base_url: BaseUrl,
    base_dir: BaseDir = Path(),
    exchange: ExchangeName = None,
    credentials: CredentialsFile = None,
) -> None:
    """Announce files to a pump.

    Example: `winnowry post data/ --to amqps://alice@broker.example.org/ --base-url https://files.example.org/ --base-dir data`
    """
    with naming("--to"):
        url, passwords = without_password(to, read_credentials(credentials))
        broker, chosen = passwords.complete(check_broker(url)), exchange or f"xs_{account_of(url)}"
    with naming("--base-url"):
        check_base_url(base_url)

    from winnowry.runners.posting import post_paths  # noqa: PLC0415 imports the broker's client

    raise typer.Exit(post_paths(paths, broker=broker, exchange=chosen, base_url=base_url, base_dir=base_dir))
