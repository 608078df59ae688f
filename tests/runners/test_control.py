import json
import socket
from pathlib import Path
from typing import Any

import pytest

from winnowry.runners.control import Control, ask
from winnowry.schemas.errors import Unreachable


def echo(request: dict[str, Any]) -> dict[str, Any]:
    return {"heard": request}


def test_a_request_is_answered(tmp_path: Path) -> None:
    with Control(tmp_path / "control.sock", echo):
        assert ask(tmp_path / "control.sock", {"do": "status"}) == {"heard": {"do": "status"}}


def test_a_folder_may_be_deeper_than_the_name_of_a_socket_is_long(tmp_path: Path) -> None:
    path = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 10) / "control.sock"
    with Control(path, echo):
        assert ask(path, {"do": "status"}) == {"heard": {"do": "status"}}


def test_only_the_owner_may_ask(tmp_path: Path) -> None:
    with Control(tmp_path / "control.sock", echo):
        assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o600
    with Control(tmp_path / "ingest" / "1" / "control.sock", dict):
        assert (tmp_path / "ingest" / "1").stat().st_mode & 0o777 == 0o700


def test_a_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(path))
    with pytest.raises(Unreachable, match="Connection refused"):
        ask(path, {"do": "status"})
    with Control(path, echo):
        assert ask(path, {}) == {"heard": {}}
    assert not path.exists()


def test_a_pump_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="No such file"):
        ask(tmp_path / "gone" / "control.sock", {"do": "status"})


@pytest.mark.parametrize(
    ("line", "answer"), [(b"{", "this is not JSON"), (b"[" * 9999, "this is not JSON"), (b"[1]", "a request is a JSON object")]
)
def test_nonsense_is_answered_too(tmp_path: Path, line: bytes, answer: str) -> None:
    with Control(tmp_path / "control.sock", echo), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(tmp_path / "control.sock"))
        connection.sendall(line + b"\n")
        assert json.loads(connection.makefile("rb").readline()) == {"error": answer}


def test_several_requests_share_a_connection(tmp_path: Path) -> None:
    with Control(tmp_path / "control.sock", echo), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(tmp_path / "control.sock"))
        connection.sendall(b'{"n": 1}\n{"n": 2}\n')
        lines = connection.makefile("rb")
        assert [json.loads(lines.readline())["heard"]["n"] for _ in range(2)] == [1, 2]
