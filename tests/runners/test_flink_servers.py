import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import grpc
import pytest
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc
from brokers import eventually
from flink_jars import JARS
from ruamel.yaml import YAML
from winnowry_cli import PROGRAM

from winnowry.runners.servers.flink import JobServer
from winnowry.runners.servers.java import class_path, write_config
from winnowry.runners.servers.owned import Owned
from winnowry.runners.servers.ports import answers, free_port
from winnowry.runners.servers.worker_pool import WorkerPool
from winnowry.schemas.errors import ConfigError, Unreachable


@pytest.fixture
def silence() -> Iterator[str]:
    """The address of something that takes connections and says nothing, as a TaskManager does while it is busy."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[WorkerPool]:
    with WorkerPool(tmp_path) as started:
        yield started


def ask_for_a_worker(pool: WorkerPool, name: str, control: str) -> None:
    request = beam_fn_api_pb2.StartWorkerRequest(worker_id=name)
    request.control_endpoint.url = control
    with grpc.insecure_channel(pool.address) as channel:
        assert beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel).StartWorker(request).error == ""


def give_back_a_worker(pool: WorkerPool, name: str) -> None:
    with grpc.insecure_channel(pool.address) as channel:
        stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
        stub.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id=name))


def program_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]


@pytest.mark.e2e
def test_workers_are_run_by_the_interpreter_of_the_pool_whatever_path_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silence: str
) -> None:
    wrong = tmp_path / "python"
    wrong.write_text("#!/bin/sh\nexit 3\n")
    wrong.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with WorkerPool(tmp_path) as pool:
        ask_for_a_worker(pool, "1-1", silence)
        eventually(lambda: [program_of(pid) for pid in pool.workers()] == [sys.executable], what="a worker")


@pytest.mark.e2e
def test_a_worker_ends_when_it_is_given_back_and_the_others_go_on(pool: WorkerPool, silence: str) -> None:
    for name in ("1-1", "1-2"):
        ask_for_a_worker(pool, name, silence)
    first, second = pool.workers()
    give_back_a_worker(pool, "1-1")
    assert pool.workers() == [second] != [first]


@pytest.mark.e2e
def test_workers_end_with_their_pool(pool: WorkerPool, silence: str) -> None:
    ask_for_a_worker(pool, "1-1", silence)
    (worker,) = pool.workers()
    pool.stop()
    assert not Path(f"/proc/{worker}").exists()
    assert not answers(pool.port)
    assert pool.workers() == []


@pytest.mark.e2e
def test_a_pool_listens_at_its_address_alone(pool: WorkerPool) -> None:
    assert answers(pool.port)
    assert not answers(pool.port, "127.0.0.2")


@pytest.mark.e2e
def test_a_pool_whose_port_is_taken_says_so(silence: str) -> None:
    command = [sys.executable, "-m", "winnowry.runners.flink", "pool", silence]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"cannot listen at {silence}" in done.stderr


@pytest.mark.e2e
def test_a_pool_that_a_person_starts_ends_in_good_order(tmp_path: Path) -> None:
    port = free_port()
    pool = Owned([str(PROGRAM), "flink", "workers", f"127.0.0.1:{port}"], log=tmp_path / "log")
    pool.wait_for_port(port, seconds=60)
    pool.stop()
    assert pool.code == 0, pool.last_words()


def test_missing_jars_are_said_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`make flink` assembles them"):
        class_path(tmp_path)


def test_one_jar_that_holds_everything_will_do(tmp_path: Path) -> None:
    jar = tmp_path / "beam-runners-flink-1.19-job-server.jar"
    jar.touch()
    assert class_path(jar) == str(jar)
    assert class_path(tmp_path) == str(jar)


def test_a_folder_of_jars_is_read_but_for_those_that_are_not_wanted(tmp_path: Path) -> None:
    for name in ("b-1.jar", "a-2.jar", "a-native-2.jar", "notes.txt"):
        (tmp_path / name).touch()
    assert class_path(tmp_path) == f"{tmp_path}/a-2.jar:{tmp_path}/a-native-2.jar:{tmp_path}/b-1.jar"
    assert class_path(tmp_path, ["a-native-"]) == f"{tmp_path}/a-2.jar:{tmp_path}/b-1.jar"


def test_settings_are_written_as_flink_reads_them(tmp_path: Path) -> None:
    settings = {"rest.port": 8081, "io.tmp.dirs": tmp_path / 'a "b": c', "taskmanager.cpu.cores": 2.0}
    written = YAML(typ="safe").load(write_config(tmp_path / "conf", settings) / "config.yaml")
    assert written == {key: str(value) for key, value in settings.items()}


@pytest.mark.e2e
def test_a_job_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    jar = tmp_path / "empty.jar"
    ZipFile(jar, "w").close()
    with pytest.raises(Unreachable, match="FlinkJobServerDriver"), JobServer(tmp_path / "state", jar):
        pass


@pytest.mark.flink
@pytest.mark.e2e
def test_a_job_server_comes_back_at_the_same_address_and_leaves_nothing_temporary(tmp_path: Path) -> None:
    server = JobServer(tmp_path, JARS)
    with server:
        server.kill()
        assert not answers(server.port)
        server.start()
        assert answers(server.port)
        assert (tmp_path / "tmp").exists()
        assert {path.name for path in tmp_path.glob("job-server.log*")} == {"job-server.log", "job-server.log.1"}
    assert not answers(server.port)
    assert not (tmp_path / "tmp").exists()
