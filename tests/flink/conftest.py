from collections.abc import Iterator

import pytest
from flink_jars import JARS

from winnowry.runners.servers.flink_cluster import FlinkCluster


@pytest.fixture(scope="session")
def flink_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    """One JobManager and two TaskManagers, each with its worker pool, for the whole session."""
    with FlinkCluster(tmp_path_factory.mktemp("flink"), JARS, task_managers=2, slots=4) as started:
        yield started
