from pathlib import Path

import pytest

from winnowry.runners.credentials import Credentials, mask, read_credentials
from winnowry.schemas.errors import ConfigError


def credentials(*urls: str, **environment: str) -> Credentials:
    return Credentials(urls=urls, environment=environment)


def test_sr3_credentials_are_read(tmp_path: Path) -> None:
    file = tmp_path / "credentials.conf"
    file.write_text("# ours\n\namqps://alice:won%2Fder@host/ login_method=PLAIN\nsftp://u@h ssh_keyfile=/k\n")
    assert read_credentials(file).complete("amqps://alice@host/") == "amqps://alice:won%2Fder@host/"


def test_a_password_belongs_to_one_account_of_one_server() -> None:
    known = credentials("amqp://alice:pw@host/")
    for url in ("amqp://alice@other/", "amqp://bob@host/", "amqps://alice@host/", "amqp://alice@host:5673/"):
        assert known.complete(url) == url
    assert known.complete("amqp://alice@host:5672/") == "amqp://alice:pw@host:5672/"


def test_a_virtual_host_of_its_own_password_is_preferred() -> None:
    known = credentials("amqp://alice:general@host/", "amqp://alice:special@host/relay")
    assert known.complete("amqp://alice@host/relay") == "amqp://alice:special@host/relay"
    assert known.complete("amqp://alice@host/other") == "amqp://alice:general@host/other"


def test_the_environment_is_asked_after_the_file() -> None:
    known = credentials("amqp://alice:file@host/", WINNOWRY_PASSWORD_ALICE="environment", WINNOWRY_PASSWORD_BOB_2="two words/")
    assert known.complete("amqp://alice@host/") == "amqp://alice:file@host/"
    assert known.complete("amqp://bob-2@host/") == "amqp://bob-2:two%20words%2F@host/"
    assert known.password("bob-2", "amqp://feeder@host/") == "two words/"
    assert known.password("carol", "amqp://feeder@host/") is None


def test_the_default_file_is_read_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert read_credentials(None) == Credentials()
    (tmp_path / "winnowry").mkdir()
    (tmp_path / "winnowry" / "credentials.conf").write_text("amqp://alice:pw@host/\n")
    assert read_credentials(None) == Credentials(urls=("amqp://alice:pw@host/",))


def test_a_wrong_line_is_named_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "credentials.conf"
    file.write_text("amqp://alice:pw@host/\namqp:alice:hunter2\n")
    with pytest.raises(ConfigError) as raised:
        read_credentials(file)
    assert str(raised.value) == f"{file}:2:1: this is no URL; write one a line, as in amqps://user:password@host/"


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_credentials(tmp_path / "none.conf")


@pytest.mark.parametrize("password", ["plain", "with/slash", "with@at", "with space", "with:colon", "é"])
def test_no_password_survives_masking(password: str) -> None:
    assert mask(f"cannot reach amqps://alice:{password}@host/") == "cannot reach amqps://alice:***@host/"


def test_credentials_do_not_show_what_they_know() -> None:
    assert "hunter2" not in repr(credentials("amqp://alice:hunter2@host/"))
