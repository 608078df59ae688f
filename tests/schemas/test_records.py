import msgspec
import pytest
from arrivals import an_arrival
from hypothesis import given
from hypothesis import strategies as st
from strategies import posts

from winnowry.schemas.arrival import Claim, Fetched
from winnowry.schemas.delivery import Message
from winnowry.schemas.errors import Malformed
from winnowry.schemas.outcome import Ending, end
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.records import read_record, write_record
from winnowry.schemas.report import Report

POST = Post(pub_time="20260101T000000.5", base_url="file:", rel_path="a")


@given(posts)
def test_every_post_reads_as_it_was_written(post: Post) -> None:
    assert read_record(write_record(post)) == post


@given(posts)
def test_every_report_reads_as_it_was_written(post: Post) -> None:
    report = Report(code=410, reason="gone", ending="failed", elapsed_time=0.25, post=post)
    assert read_record(write_record(report)) == report


def test_outcome_reads_as_it_was_written() -> None:
    claim = Claim(identity=b"\xff" * 16, path=b"p", content=b"c", announcer=b"a", pub_time=2**62, episode=1)
    arrival = msgspec.structs.replace(an_arrival(size=3), claim=claim, fetched=Fetched(temporary=".a", digest=b"\0"))
    message = Message(body=b"\xff", exchange="xpublic", routing_key="v03.a", content_type="application/json", headers={"n": 1})
    outcome = end(arrival, Ending.FAILED, Reason.GONE, "no such file")
    outcome = msgspec.structs.replace(outcome, announcements=(message,), delay=1.5)
    assert read_record(write_record(outcome)) == outcome


def test_record_begins_as_avro_says() -> None:
    assert write_record(POST)[:2] == b"\xc3\x01"
    assert write_record(POST)[2:10] != write_record(Report(code=201))[2:10]


@pytest.mark.parametrize("record", [b"", b"\xc3\x01", b"Obj\x01", b"\xc3\x01" + b"\0" * 50])
def test_record_of_no_contract_is_of_another_version(record: bytes) -> None:
    with pytest.raises(Malformed) as raised:
        read_record(record)
    assert raised.value.reason is Reason.VERSION_UNKNOWN


@pytest.mark.parametrize("length", range(10, 20))
def test_record_cut_short_is_unreadable(length: int) -> None:
    with pytest.raises(Malformed) as raised:
        read_record(write_record(POST)[:length])
    assert raised.value.reason is Reason.BODY_UNREADABLE


@given(st.binary(max_size=64))
def test_no_record_does_worse_than_malformed(rest: bytes) -> None:
    try:
        assert isinstance(read_record(write_record(POST)[:10] + rest), Post)
    except Malformed as error:
        assert error.reason is Reason.BODY_UNREADABLE
