"""Whatever comes off a queue is a Post, a Report or Malformed; and what was read can be written, and reads the same again."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from mutations import composed, damaged, deliveries

from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Malformed
from winnowry.schemas.post import Post
from winnowry.schemas.report import Report
from winnowry.schemas.times import read_time, write_time
from winnowry.schemas.topics import LIMIT, topic_of
from winnowry.schemas.urls import without_password
from winnowry.schemas.v03 import read_v03, write_report, write_v03
from winnowry.schemas.wire import read


def understood(delivery: Delivery) -> Post | Report | None:
    """Return what was read; None for Malformed, which has to say of what."""
    try:
        return read(delivery, clock=lambda: 0)
    except Malformed as error:
        assert error.detail
        return None


@given(deliveries)
def test_whatever_comes_is_understood_or_malformed_and_reads_the_same_again(delivery: Delivery) -> None:
    found = understood(delivery)
    post = found.post if isinstance(found, Report) else found
    if post is None:
        return
    again = read_v03(write_v03(post))
    assert again == post
    assert isinstance(read_v03(write_report(post, Report(code=499, message="no"))), Report)


@given(damaged() | composed())
def test_a_body_reads_the_same_whatever_its_content_type_says(body: bytes) -> None:
    plain = Delivery(body=body, queue="q", exchange="x", content_type="text/plain")
    if body.startswith(b"{"):
        assert understood(plain) == understood(msgspec.structs.replace(plain, content_type="application/json"))


@given(st.text() | st.from_regex(r"[0-9]{8}T?[0-9]{6}(\.[0-9e-]{0,12})?", fullmatch=True))
def test_a_time_is_read_or_malformed_and_reads_the_same_again(text: str) -> None:
    try:
        moment = read_time(text)
        written = write_time(moment)
    except Malformed:
        return
    assert read_time(written) == moment


@given(st.text(st.characters()))
def test_every_path_has_a_topic_that_fits(path: str) -> None:
    assert len(topic_of(path).encode()) <= LIMIT


letters = st.characters(exclude_characters="/?#@:")


@given(st.text(), st.text(letters), st.text(letters, min_size=1))
def test_no_password_is_left_in_a_url(rest: str, user: str, password: str) -> None:
    shown = without_password(f"https://{user}:{password}@h/{rest}")
    assert shown == f"https://{user}@h/{rest}"
