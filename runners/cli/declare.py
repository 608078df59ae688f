"""`winnowry declare`: exchanges, users and permissions on the broker."""

from typing import Annotated

import typer

from winnowry.runners.cli.options import ClusterFile, CredentialsFile, naming
from winnowry.runners.cluster.address import check_management
from winnowry.runners.cluster.administration import Administration, administration
from winnowry.runners.cluster.load import Cluster, load_cluster
from winnowry.runners.cluster.rabbitmqctl import command_lines
from winnowry.runners.credentials import without_password

Print = Annotated[bool, typer.Option("--print", help="Print the lines for `rabbitmqctl`, and do nothing.")]
Management = Annotated[
    str | None, typer.Option(metavar="URL", help="The management API, as in `http://admin@localhost:15672/`; else the file's.")
]


def declare(
    file: ClusterFile, *, management: Management = None, print_only: Print = False, credentials: CredentialsFile = None
) -> None:
    """Declare exchanges, users and permissions; it may be run again at any time. Needs an administrator.

    Without a management API it prints the lines for `rabbitmqctl`.

    Example: `winnowry declare cluster.yaml --management http://admin@localhost:15672/`
    """
    cluster = load_cluster(file, credentials)
    wanted = administration(cluster.settings)
    api = management or cluster.settings.management
    if print_only or api is None:
        typer.echo("\n".join(command_lines(wanted)))
        return
    with naming("--management"):
        url, passwords = without_password(api, cluster.credentials)
        check_management(url)
    for line in _declared(cluster, wanted, passwords.complete(url)):
        typer.echo(line)


def _declared(cluster: Cluster, wanted: Administration, api: str) -> list[str]:
    from winnowry.runners.cluster.management import Management as Api  # noqa: PLC0415 requests takes 0.1 s to import

    broker = cluster.settings.broker[0]
    passwords = {grant.user: cluster.credentials.password(grant.user, broker) for grant in wanted.grants}
    return Api(api).declare(wanted, passwords)
