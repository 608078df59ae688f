"""Bytes of existing networks and of past releases of ours, which must be read for ever."""

import json
from pathlib import Path

import msgspec
import pytest

from winnowry.schemas.delivery import Delivery
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.post import Post
from winnowry.schemas.records import read_record
from winnowry.schemas.report import Report
from winnowry.schemas.wire import read

GOLDEN = Path(__file__).parent / "golden"
SHA512 = Fingerprint(
    method="sha512", value="0gX6moqKgBiLzvhqFLCdWo9zONAKrELcxexjNDwaq/mZxSmLXlM2ZDSJRRSfbi+QqgPNDYFuxyI3TyLQNJ/dtw=="
)
FILE = Post(
    pub_time="20261121T210522.127110243",
    base_url="http://localhost:8001/",
    rel_path="a/b/foo 1#x.txt",
    source="alice",
    from_cluster="S0",
    to_clusters="ALL",
    mode="644",
    size=17,
    mtime="20261121T210521.925780058",
    atime="20261121T210521.925780058",
    fingerprint=SHA512,
)


def read_json(name: str) -> Post | Report:
    body = (GOLDEN / name).read_bytes()
    return read(Delivery(body=body, queue="q", exchange="xs_alice", content_type="application/json"))


def read_line(name: str, routing_key: str) -> Post | Report:
    told = json.loads((GOLDEN / name).read_text("utf-8"))
    delivery = Delivery(body=told["body"].encode(), headers=told["headers"], queue="q", exchange="x", routing_key=routing_key)
    return read(msgspec.structs.replace(delivery, content_type="text/plain"))


def test_file_announced_by_sr3() -> None:
    assert read_json("v03_sr3.json") == FILE


def test_file_announced_by_sr3_in_v02() -> None:
    assert read_line("v02_sr3.json", "v02.post.a.b") == FILE


def test_folder_announced_by_sr3() -> None:
    assert read_json("v03_sr3_mkdir.json") == Post(
        pub_time="20261121T210522.127110243",
        base_url="http://localhost:8001/",
        rel_path="a/b",
        mode="755",
        file_op={"directory": ""},
        foreign={"contentType": msgspec.Raw(b'"text/directory"')},
    )


def test_file_announced_by_the_c_client() -> None:
    assert read_json("v03_c.json") == Post(
        pub_time="20261121T210522.12",
        base_url="file:",
        rel_path="a/b",
        mode="644",
        size=17,
        mtime="20261121T210521.92",
        atime="20261121T210521.92",
        fingerprint=SHA512,
    )


def test_report_of_sr3() -> None:
    report = read_json("v03_sr3_report.json")
    assert isinstance(report, Report)
    assert (report.code, report.time_completed, report.message) == (201, "20261121T210805.471258163", "Download successful")
    assert report.post is not None
    assert (report.post.source, report.post.rel_path) == ("alice", "a/b/c.txt")


def test_report_of_v2() -> None:
    report = read_line("v02_report.json", "v02.report.data")
    assert isinstance(report, Report)
    assert (report.code, report.host, report.user, report.message) == (201, "castor", "anonymous", "Downloaded")
    assert report.post is not None
    assert report.post.to_clusters == "ddi.science.gc.ca,bunny.nrcan.gc.ca"


@pytest.mark.parametrize(
    ("name", "expected"), [("post.avro", FILE), ("report.avro", Report(code=201, result_code=201, post=FILE))]
)
def test_record_of_ours(name: str, expected: Post | Report) -> None:
    assert read_record((GOLDEN / name).read_bytes()) == expected
