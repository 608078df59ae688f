from collections.abc import Mapping
from pathlib import Path

import pytest
from pools import KEY, bring, files_in

from winnowry.io.fake_site import FakeCarrier, FakeSite, Mishap
from winnowry.io.files import Files
from winnowry.io.incoming import Request
from winnowry.io.job import Done
from winnowry.io.transfers import Transfers, transfers_for, use_pool
from winnowry.schemas.arrival import Fetched
from winnowry.schemas.errors import Transient
from winnowry.schemas.reasons import Reason

URL = "https://example.org/a"


@pytest.fixture
def site() -> FakeSite:
    site = FakeSite()
    site.contents[URL] = b"hello"
    return site


@pytest.fixture
def transfers(site: FakeSite, tmp_path: Path) -> Transfers:
    return Transfers(Files(root=tmp_path), carriers=site.carriers)


def test_what_is_there_is_brought(site: FakeSite, transfers: Transfers, tmp_path: Path) -> None:
    result = bring(transfers, URL, size=5)
    assert isinstance(result, Fetched)
    assert (tmp_path / (result.temporary or "")).read_bytes() == b"hello"
    assert site.requests == [URL]


@pytest.mark.parametrize(
    ("mishap", "reason"),
    [(Mishap.UNREADY, Reason.NOT_FOUND), (Mishap.BROKEN_OFF, Reason.UNREACHABLE), (Mishap.CUT_SHORT, Reason.TRUNCATED)],
)
def test_a_mishap_befalls_one_request(
    mishap: Mishap, reason: Reason, site: FakeSite, transfers: Transfers, tmp_path: Path
) -> None:
    site.mishaps.append(mishap)
    result = bring(transfers, URL, size=5)
    assert isinstance(result, Transient)
    assert (result.reason, files_in(tmp_path)) == (reason, [])
    assert isinstance(bring(transfers, URL, size=5), Fetched)


def test_a_flipped_bit_is_seen_by_the_checksum_alone(site: FakeSite, transfers: Transfers) -> None:
    site.mishaps.append(Mishap.FLIPPED)
    flipped, whole = (bring(transfers, URL, size=5, method="sha512") for _ in range(2))
    assert isinstance(flipped, Fetched)
    assert isinstance(whole, Fetched)
    assert (flipped.size, flipped.digest == whole.digest) == (5, False)


def test_what_hangs_ends_when_it_is_told_to(site: FakeSite, tmp_path: Path) -> None:
    carriers: list[FakeCarrier] = []

    def one(files: Files, done: Done) -> Mapping[str, FakeCarrier]:
        carriers.append(FakeCarrier(site, done))
        return {"https": carriers[0]}

    transfers = Transfers(Files(root=tmp_path), carriers=one)
    site.mishaps.extend([Mishap.HANGS] * 2)
    for key in (KEY, b"unwanted"):
        transfers.start(key, Request(url=URL, place="a"))
    assert not transfers.finished(KEY)
    transfers.cancel(b"unwanted")
    carriers[0].go_on()
    assert isinstance(transfers.take(KEY), Fetched)
    assert transfers.underway() == []


def test_a_pool_can_be_given_in_place_of_the_one_that_would_be_made(transfers: Transfers, tmp_path: Path) -> None:
    files = Files(root=tmp_path / "root")
    use_pool(files, transfers)
    assert transfers_for(files) is transfers
