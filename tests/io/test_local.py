import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from arrivals import a_post
from pools import bring, files_in, pool_into

from winnowry.io.http import url_of
from winnowry.io.local import local_path
from winnowry.io.transfers import Transfers
from winnowry.schemas.arrival import Fetched
from winnowry.schemas.errors import Refused, Terminal, Transient
from winnowry.schemas.reasons import Reason


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    (tmp_path / "allowed").mkdir()
    return tmp_path / "allowed"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def transfers(root: Path, allowed: Path) -> Iterator[Transfers]:
    with pool_into(root, file_roots=(allowed,)) as pool:
        yield pool


def reason_of(result: object) -> Reason:
    assert isinstance(result, Transient | Terminal)
    return result.reason


@pytest.mark.parametrize("base_url", ["file:", "file:/", "file:///", "file://localhost/"])
@pytest.mark.parametrize("name", ["a b#%41?", "é/日\n", "big"])
def test_file_is_copied_from_every_form_of_its_url(
    base_url: str, name: str, allowed: Path, root: Path, transfers: Transfers
) -> None:
    content = os.urandom(2_500_000 if name == "big" else 10)
    (allowed / name).parent.mkdir(exist_ok=True)
    (allowed / name).write_bytes(content)
    fetched = bring(transfers, url_of(a_post(base_url=base_url, rel_path=str(allowed / name))), size=len(content))
    assert isinstance(fetched, Fetched) and fetched.temporary is not None
    assert (root / fetched.temporary).read_bytes() == content


def test_path_of_a_url_is_absolute_and_collapsed() -> None:
    assert local_path("file:a//b/./c%2520") == Path("/a/b/c%20")


@pytest.mark.parametrize("url", ["file://elsewhere/a", "file:/a/../b", "file:/a/%2e%2e/b"])
def test_other_hosts_and_parents_are_refused(url: str) -> None:
    with pytest.raises(Refused):
        local_path(url)


def test_nothing_outside_the_allowed_folders_is_read(tmp_path: Path, root: Path, transfers: Transfers) -> None:
    (tmp_path / "allowed but not quite").write_bytes(b"secret")
    result = bring(transfers, (tmp_path / "allowed but not quite").as_uri())
    assert reason_of(result) is Reason.SCHEME_NOT_ALLOWED
    assert files_in(root) == []


@pytest.mark.parametrize("name", ["link", "folder/secret"])
def test_links_are_not_followed(name: str, tmp_path: Path, allowed: Path, root: Path, transfers: Transfers) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (allowed / "link").symlink_to(tmp_path / "secret")
    (allowed / "folder").symlink_to(tmp_path)
    assert isinstance(bring(transfers, f"file:{allowed}/{name}"), Terminal)
    assert files_in(root) == []


def test_pipe_and_folder_are_no_files(allowed: Path, transfers: Transfers) -> None:
    os.mkfifo(allowed / "pipe")
    (allowed / "folder").mkdir()
    assert reason_of(bring(transfers, f"file:{allowed}/pipe")) is Reason.ACCESS_DENIED
    assert reason_of(bring(transfers, f"file:{allowed}/folder")) is Reason.ACCESS_DENIED


def test_missing_file_is_not_found(allowed: Path, transfers: Transfers) -> None:
    assert reason_of(bring(transfers, f"file:{allowed}/none")) is Reason.NOT_FOUND


@pytest.mark.parametrize(("size", "reason"), [(9, Reason.SIZE_MISMATCH), (11, Reason.TRUNCATED)])
def test_file_of_another_size_is_told(size: int, reason: Reason, allowed: Path, root: Path, transfers: Transfers) -> None:
    (allowed / "file").write_bytes(bytes(10))
    assert reason_of(bring(transfers, f"file:{allowed}/file", size=size)) is reason
    assert files_in(root) == []


@pytest.mark.e2e
def test_full_disk_is_told(small_disk: Path, allowed: Path) -> None:
    (allowed / "file").write_bytes(bytes(1_000_000))
    with pool_into(small_disk, file_roots=(allowed,)) as transfers:
        assert reason_of(bring(transfers, f"file:{allowed}/file")) is Reason.DISK_FULL
    assert files_in(small_disk) == []
