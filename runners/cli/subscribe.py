"""`winnowry subscribe`: deliver files into a folder, without a cluster file."""

import hashlib
import socket
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from winnowry.runners.cli.options import CredentialsFile, UntilIdle, naming
from winnowry.runners.cluster.address import account_of, check_broker
from winnowry.runners.cluster.complaint import complain
from winnowry.runners.cluster.document import Document
from winnowry.runners.cluster.load import Cluster, cluster_of
from winnowry.runners.cluster.rules import breaches
from winnowry.runners.cluster.settings import ClusterSettings
from winnowry.runners.cluster.wiring import wiring
from winnowry.runners.credentials import Credentials, read_credentials, without_password
from winnowry.schemas.errors import ConfigError

Url = Annotated[str, typer.Argument(metavar="URL", help="The broker, as in `amqps://carol@broker.example.org/`.")]
Into = Annotated[Path, typer.Option(metavar="DIR", help="Folder that files land in; nothing is written outside it.")]
Subtopic = Annotated[list[str] | None, typer.Option(metavar="TOPIC", help="Part of the topic tree, as in `*.obs.#`.")]
Durability = Annotated[
    str, typer.Option(metavar="WHAT", help="Whose death files outlive: `process`, or `machine`, which syncs each file.")
]
PUMP = "subscribe"


def subscribe(
    url: Url,
    *,
    into: Into,
    exchange: Annotated[str, typer.Option(metavar="NAME", help="Exchange to read.")] = "xpublic",
    subtopic: Subtopic = None,
    accept: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Files to take, as in `**/*.bufr`.")] = None,
    reject: Annotated[list[str] | None, typer.Option(metavar="GLOB", help="Files to leave; asked before `--accept`.")] = None,
    strip: Annotated[int, typer.Option(metavar="N", help="Leading folders taken off the path.")] = 0,
    queue: Annotated[str | None, typer.Option(metavar="NAME", help="Queue; without it one of this machine and folder.")] = None,
    expires: Annotated[str, typer.Option(metavar="TIME", help="The broker removes the queue after this time unused.")] = "7d",
    durability: Durability = "process",
    credentials: CredentialsFile = None,
    until_idle: UntilIdle = False,
) -> None:
    """Deliver what a broker announces into a folder, each file once, until Ctrl-C.

    Example: `winnowry subscribe amqps://anonymous@broker.example.org/ --into /data --subtopic '*.observations.#'`
    """
    pump = {"subtopic": subtopic or [], "accept": accept or [], "reject": reject or [], "strip": strip, "expires": expires}
    with naming("URL"):
        url, passwords = without_password(url, read_credentials(credentials))
        check_broker(url)
    pump["durability"] = durability
    pump["queue_name"] = queue or queue_for(url, into, exchange)
    cluster = cluster_for(url, into, pump | {"from": {"feeder": url, "exchange": exchange}}, passwords)

    from winnowry.runners.cluster.pumps import pump_of  # noqa: PLC0415
    from winnowry.runners.instance import run_pump  # noqa: PLC0415 imports Beam

    raise typer.Exit(run_pump(pump_of(cluster, PUMP), wiring(cluster, PUMP), until_idle=until_idle))


def queue_for(url: str, into: Path, exchange: str) -> str:
    """Return the name of the queue that this machine has for this folder: the same each time, and nobody else's."""
    host = socket.gethostname().replace(".", "-")
    return f"q_{account_of(url)}.winnowry.{host}.{_mark(url, exchange, into.resolve())}"


def consumer_of(into: Path) -> str:
    """Return the name of the cluster that delivering into a folder makes up: what it remembers is below it."""
    return f"consumer-{_mark(into.resolve())}"


def _mark(*parts: object) -> str:
    return hashlib.blake2b(" ".join(map(str, parts)).encode(), digest_size=6).hexdigest()


def cluster_for(url: str, into: Path, pump: dict[str, Any], credentials: Credentials) -> Cluster:
    """Return a cluster of one `subscribe` pump. Raises ConfigError, naming the option that is wrong."""
    root = into.resolve()
    described = {"kind": "subscribe", "reports": "none"} | pump
    try:
        settings = ClusterSettings.model_validate(
            {"cluster": consumer_of(root), "broker": url, "data": str(root), "pumps": {PUMP: described}}
        )
    except ValidationError as error:
        raise ConfigError("\n".join(_complaints(error))) from error
    for breach in breaches(settings):
        raise ConfigError(f"--{breach.path[2]}: {breach.text}")
    return cluster_of(settings, root, credentials)


def _complaints(error: ValidationError) -> list[str]:
    found = [complain(Document(), detail) for detail in error.errors()]
    return [f"{_option(problem.key)}: {problem.text}" for problem in found]


def _option(key: str) -> str:
    name = key.removeprefix(f"pumps.{PUMP}.").partition("[")[0]
    return _OPTIONS.get(name, f"--{name}")


_OPTIONS = {"broker": "URL", "from.feeder": "URL", "from.exchange": "--exchange", "queue_name": "--queue", "data": "--into"}
