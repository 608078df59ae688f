"""What the running pumps answer, for the verbs that show it."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from winnowry.runners.cluster.load import Cluster, default_state
from winnowry.runners.control import ask
from winnowry.schemas.errors import Unreachable


def ask_cluster(cluster: Cluster) -> list[dict[str, Any]]:
    """Return the status of each running pump of a cluster; one that does not answer has an ``error``."""
    return [_asked(cluster.name, socket) for socket in sorted(cluster.state.glob("*/*/control.sock"))]


def ask_user() -> list[dict[str, Any]]:
    """Return the status of each running pump of all clusters that keep their state where this user's clusters do."""
    return [_asked(socket.parts[-4], socket) for socket in sorted(default_state(os.environ).glob("*/*/*/control.sock"))]


def moment(since: float) -> str:
    """Return Unix time as it is shown.

    >>> moment(0.0)
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")


def _asked(cluster: str, socket: Path) -> dict[str, Any]:
    place = {"cluster": cluster, "pump": socket.parts[-3], "instance": socket.parts[-2]}
    try:
        return place | ask(socket, {"do": "status"})
    except Unreachable as error:
        return place | {"error": error.detail}
