from collections.abc import Iterator

import pytest
from flink_jars import JARS

from winnowry.runners.servers.flink import JobServer
from winnowry.runners.servers.flink_cluster import FlinkCluster


@pytest.fixture(scope="session")
def flink_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    """One JobManager and two TaskManagers, each with its worker pool, for the whole session."""
    settings = {"taskmanager.load-balance.mode": "SLOTS"}
    folder = tmp_path_factory.mktemp("flink")
    with FlinkCluster(folder, JARS, task_managers=2, slots=4, settings=settings) as started:
        yield started


@pytest.fixture(scope="session")
def job_server(tmp_path_factory: pytest.TempPathFactory, flink_cluster: FlinkCluster) -> Iterator[JobServer]:
    """A job server in front of the cluster; a test that needs none of its own saves the time that it takes to start."""
    with JobServer(tmp_path_factory.mktemp("job-server"), JARS, flink_cluster.master) as started:
        yield started
