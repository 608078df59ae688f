"""`winnowry check`: is a cluster file right?"""

import json
from collections.abc import Sized

import typer

from winnowry.runners.cli.options import ClusterFile, CredentialsFile, Json
from winnowry.runners.cluster.load import load_cluster


def check(file: ClusterFile, credentials: CredentialsFile = None, as_json: Json = False) -> None:
    """Check a cluster file and say everything that is wrong with it, without starting or changing anything.

    Example: `winnowry check cluster.yaml`
    """
    cluster = load_cluster(file, credentials)
    settings = cluster.settings
    if as_json:
        typer.echo(json.dumps({"cluster": cluster.name, "users": list(settings.users), "pumps": list(settings.pumps)}))
        return
    typer.echo(f"{file}: {cluster.name} is right: {_count(settings.users, 'user')}, {_count(settings.pumps, 'pump')}")


def _count(things: Sized, noun: str) -> str:
    number = len(things)
    return f"{number} {noun}{'' if number == 1 else 's'}"
