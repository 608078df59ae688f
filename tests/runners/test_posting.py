from io import StringIO
from pathlib import Path

import pytest
from inbox import bound
from rich.console import Console

from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.runners.direct.engine import DirectEngine
from winnowry.runners.posting import Complaints, poster
from winnowry.schemas.errors import ConfigError
from winnowry.schemas.v03 import read_v03


def a_poster(server: FakeExchangeServer, complaints: Complaints, folder: Path, *paths: Path) -> DirectEngine:
    broker = FakeBroker(server)
    broker.declare(bound("q_dd", "xs_alice", "#"))
    url = "https://example.org/"
    return poster(paths, broker=broker, exchange="xs_alice", base_url=url, base_dir=folder, complaints=complaints)


def test_a_path_outside_the_folder_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "shown").mkdir()
    with pytest.raises(ConfigError, match="base-dir"):
        a_poster(FakeExchangeServer(), Complaints(Console()), tmp_path / "shown", tmp_path / "secret")


def test_what_is_there_is_announced_and_what_is_not_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    server, said = FakeExchangeServer(), StringIO()
    complaints = Complaints(Console(file=said, width=120))
    a_poster(server, complaints, tmp_path, tmp_path / "a", tmp_path / "gone").run(until_idle=True)
    assert [getattr(read_v03(body), "rel_path", "") for body in server.bodies("q_dd")] == ["a"]
    assert complaints.count == 1
    assert "not announced" in said.getvalue()
    assert "gone" in said.getvalue()
