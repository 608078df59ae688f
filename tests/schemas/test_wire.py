from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Malformed
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.report import Report
from winnowry.schemas.wire import read

V03 = b'{"pubTime": "20260101T000000.5", "baseUrl": "http://example.org/", "relPath": "a/b"}'
V02 = b"20260101000000.5 http://example.org/ a/b"
V00 = b"25d231ec0ae3c569ba27ab7a74dd72ce 256 http://example.org/ a/b"
POST = Post(pub_time="20260101T000000.5", base_url="http://example.org/", rel_path="a/b")


def delivered(body: bytes, content_type: str | None, **fields: Any) -> Delivery:
    return Delivery(body=body, queue="q", exchange="xpublic", content_type=content_type, **fields)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "text/plain", "", None])
@pytest.mark.parametrize("routing_key", ["v03.a", "v02.post.a", "v00.dd.notify.a", "a"])
def test_json_is_v03_whatever_its_topic_and_content_type(content_type: str | None, routing_key: str) -> None:
    assert read(delivered(V03, content_type, routing_key=routing_key)) == POST


@pytest.mark.parametrize("content_type", ["text/plain", "TEXT/PLAIN; charset=utf-8", "", None])
@pytest.mark.parametrize("routing_key", ["v03.a", "v02.post.a", "v02.post.log.a", "a"])
def test_line_of_text_is_v02_whatever_its_topic(content_type: str | None, routing_key: str) -> None:
    assert read(delivered(V02, content_type, routing_key=routing_key)) == POST


def test_json_may_begin_with_white_space() -> None:
    assert read(delivered(b" \n" + V03, "text/plain")) == POST


def test_topic_tells_a_line_of_v00() -> None:
    post = read(delivered(V00, "text/plain", routing_key="v00.dd.notify.a"), clock=lambda: 0)
    assert isinstance(post, Post)
    assert (post.pub_time, post.size) == ("19700101T000000.000000000", 256)


def test_report_is_told_by_its_body() -> None:
    report = read(delivered(V03[:-1] + b', "report": {"code": 201}}', "application/json", routing_key="v03.a"))
    assert isinstance(report, Report)
    assert (report.code, report.post) == (201, POST)


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b'["20260101T000000.5", "http://example.org/", "a/b", {}]', "text/plain", Reason.VERSION_UNKNOWN),
        (V02, "application/x-protobuf", Reason.VERSION_UNKNOWN),
        (b'{"type": "Feature", "links": []}', "application/geo+json", Reason.VERSION_UNKNOWN),
        (V02, "application/json", Reason.BODY_UNREADABLE),
        (b"", "application/json", Reason.BODY_UNREADABLE),
        (b"", None, Reason.BODY_UNREADABLE),
        (V00, "text/plain", Reason.BODY_UNREADABLE),
    ],
)
def test_what_is_of_no_contract_is_malformed(body: bytes, content_type: str | None, reason: Reason) -> None:
    with pytest.raises(Malformed) as raised:
        read(delivered(body, content_type))
    assert raised.value.reason is reason


@given(
    body=st.binary() | st.sampled_from([V03, V02, V00]),
    content_type=st.none() | st.text() | st.sampled_from(["application/json", "text/plain"]),
    routing_key=st.text() | st.just("v00.x"),
    headers=st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers() | st.none() | st.binary()),
)
def test_no_message_does_worse_than_malformed(**fields: Any) -> None:
    try:
        assert isinstance(read(Delivery(queue="q", exchange="x", **fields)), Post | Report)
    except Malformed as error:
        assert error.detail
