import pytest

from winnowry.runners.flink.download import job_server_url
from winnowry.schemas.errors import ConfigError


@pytest.mark.parametrize(("flink", "series"), [("1.19", "1.19"), ("1.19.3", "1.19"), ("1.20.0", "1.20")])
def test_the_job_server_is_the_one_for_the_flink_that_is_there(flink: str, series: str) -> None:
    assert f"/beam-runners-flink-{series}-job-server/" in job_server_url(flink)


def test_a_flink_that_beam_does_not_know_is_said_to_be_none_of_those_that_it_knows() -> None:
    with pytest.raises(ConfigError, match=r"no job server for Flink 1\.8\.0, only for 1\.19, "):
        job_server_url("1.8.0")
