import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from brokers import Vhost, eventually

from winnowry.runners.servers.nginx import FileServer
from winnowry.runners.servers.owned import Owned, require
from winnowry.runners.servers.ports import answers, free_port, is_free
from winnowry.runners.servers.rabbitmq import RabbitMQ, broker
from winnowry.schemas.errors import ConfigError, Unreachable

OWNER = """
import pathlib, sys
from winnowry.runners.servers.owned import Owned
folder = pathlib.Path(sys.argv[1])
owned = Owned(["sleep", "600"], log=folder.parent / "log", scratch=folder)
print(owned.pid, flush=True)
sys.stdin.read()
"""


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(ConfigError, match="apt-get install acme-tools"):
        require({"sh": "dash", "no-such-program": "acme-tools"})


def test_a_program_that_does_not_start_says_its_last_words(tmp_path: Path) -> None:
    owned = Owned(["sh", "-c", "echo no such luck; exit 3"], log=tmp_path / "log")
    with pytest.raises(Unreachable, match="no such luck"):
        owned.wait_for_port(free_port(), seconds=20)
    owned.stop()


def test_a_program_is_stopped_by_an_owner_with_thousands_of_open_files(tmp_path: Path) -> None:
    """The first 1,024 descriptors are all that ``select`` can wait for."""
    with ExitStack() as held:
        while held.enter_context(open(os.devnull)).fileno() < 1100:
            pass
        owned = Owned(["sleep", "600"], log=tmp_path / "log")
        owned.stop()
    assert owned.code == -signal.SIGTERM


def test_a_killed_owner_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(scratch)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    orphan = int(owner.stdout.readline())
    owner.kill()
    owner.communicate()
    eventually(lambda: not is_alive(orphan), what="the end of the orphan")
    eventually(lambda: not scratch.exists(), what="the removal of its folder")


def is_alive(pid: int) -> bool:
    """Whether a process still runs (one that nobody has reaped does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_port_that_is_taken_on_another_address_of_this_machine_is_not_free() -> None:
    with socket.create_server(("127.0.0.2", 0)) as server:
        assert not is_free(server.getsockname()[1])
    assert is_free(free_port())


@pytest.mark.parametrize("variable", ["WINNOWRY_BROKER_URL", "WINNOWRY_MANAGEMENT_URL"])
def test_half_of_an_existing_broker_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.delenv("WINNOWRY_BROKER_URL", raising=False)
    monkeypatch.delenv("WINNOWRY_MANAGEMENT_URL", raising=False)
    monkeypatch.setenv(variable, "x://guest:guest@127.0.0.1/")
    with pytest.raises(ConfigError, match="go together"), broker():
        pass


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["a b", "50%41", "#1", 'quo"te', "new\nline", "é日", ".hidden", "back\\slash", "a?b&c", "$x;"])
def test_a_file_with_an_odd_name_is_served(tmp_path: Path, file_server: Callable[[Path], FileServer], name: str) -> None:
    (tmp_path / name).write_text("content")
    assert requests.get(file_server(tmp_path).url + quote(name), timeout=10).text == "content"


@pytest.mark.e2e
def test_a_killed_file_server_comes_back_at_the_same_address(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    with FileServer(tmp_path) as server:
        server.kill()
        eventually(lambda: not answers(server.port), what="the end of its workers")
        server.start()
        assert requests.get(server.url + "file", timeout=10).text == "content"
    assert not answers(server.port)


@pytest.mark.e2e
def test_a_vhost_carries_messages_and_keeps_a_stranger_out(vhost: Vhost) -> None:
    vhost.add_exchange("xs_alice")
    vhost.queue("q_test", "xs_alice")
    vhost.publish("xs_alice", "v03.a", b"one", b"two")
    assert vhost.take("q_test", 2) == [b"one", b"two"]
    assert vhost.depth("q_test") == 0
    assert vhost.add_user("alice", "^$", "^xs_alice$", "^$").startswith("amqp://alice:secret%20of%20alice@")


@pytest.mark.e2e
def test_a_broker_that_cannot_start_says_why_and_leaves_nothing() -> None:
    private = RabbitMQ()
    (private.folder / "rabbitmq.conf").write_text("no.such.key = 1\n")
    with pytest.raises(Unreachable, match="failed_to_prepare_configuration"), private:
        pass
    assert not private.folder.exists()
