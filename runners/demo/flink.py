"""The demonstration on Flink: the same network, its pumps run by another engine."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from winnowry.runners.servers.flink_cluster import FlinkCluster

ROOM = 2_000_000_000
"""Bytes of disk beside the files: Flink copies its jars for each pump."""


@dataclass(frozen=True, kw_only=True)
class OnFlink:
    """Flink within the job server of each pump, or ``standalone``: a JobManager and two TaskManagers, as if on three hosts.

    ``jars`` is the folder that `make flink` assembles.
    """

    jars: Path
    standalone: bool = False

    def start(self, folder: Path, stack: ExitStack) -> str:
        """Start what has to be there before the pumps; return what the cluster file says under `engine`."""
        settings: dict[str, str] = {"name": "flink", "jars": str(self.jars.resolve())}
        if self.standalone:
            cluster = stack.enter_context(FlinkCluster(folder, self.jars, task_managers=2))
            settings |= {"master": cluster.master, "workers": cluster.pool}
        return json.dumps(settings)
