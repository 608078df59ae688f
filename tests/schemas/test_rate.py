import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from winnowry.schemas.errors import Malformed
from winnowry.schemas.rate import MOST, Rate, Slot, Sums, rate_of, read_rate, topic_of_rate, window_at, write_rate
from winnowry.schemas.records import read_record, write_record
from winnowry.schemas.times import read_time

numbers = st.integers(0, MOST)
sums = st.builds(Sums, good=numbers, bad=numbers, good_bytes=numbers, bad_bytes=numbers, lag_sum=numbers, lag_max=numbers)
RATE = Rate(
    cluster="ddi.example.org",
    pump="count",
    begin="20260101T000000.000000000",
    end="20260101T000010.000000000",
    dimension="source",
    key="alice",
    good=3,
    good_bytes=51,
    lag_sum=7_000_000,
    lag_max=5_000_000,
)
moments = st.integers(0, 253402300799 * 10**9)
dimensions = st.sampled_from(("all", "source", "consumer"))


@given(st.lists(sums, min_size=1), st.data())
def test_partial_sums_give_the_same_in_whatever_order_and_groups(parts: list[Sums], data: st.DataObject) -> None:
    whole = sum(parts, start=Sums())
    shuffled = data.draw(st.permutations(parts))
    cut = data.draw(st.integers(0, len(parts)))
    assert sum(shuffled[:cut], start=Sums()) + sum(shuffled[cut:], start=Sums()) == whole


@given(st.builds(Slot, moments, moments, dimensions, st.text(max_size=9)), sums)
def test_a_rate_is_read_as_it_was_written(slot: Slot, figures: Sums) -> None:
    rate = rate_of(slot, figures, cluster="ddi.example.org", pump="count")
    assert read_rate(write_rate(rate)) == rate
    assert read_record(write_record(rate)) == rate
    assert (rate.sums, read_time(rate.begin), read_time(rate.end)) == (figures, slot.begin, slot.end)


def test_the_body_of_a_rate_is_one_json_object_with_every_field() -> None:
    assert write_rate(RATE) == (
        b'{"cluster":"ddi.example.org","pump":"count","begin":"20260101T000000.000000000",'
        b'"end":"20260101T000010.000000000","dimension":"source","key":"alice","good":3,"bad":0,"goodBytes":51,"badBytes":0,'
        b'"lagSum":7000000,"lagMax":5000000}'
    )


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"\xff", write_rate(replace(RATE, begin="soon")), write_rate(RATE).replace(b"source", b"colour")]
)
def test_what_is_no_rate_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_rate(body)


def test_topics_of_rates_can_be_selected_by_pump_dimension_and_name() -> None:
    assert topic_of_rate(RATE) == "v03.rate.count.source.alice"
    assert topic_of_rate(replace(RATE, dimension="all", key="")) == "v03.rate.count.all"
    assert len(topic_of_rate(replace(RATE, key="x" * 1000))) == 255


@given(st.integers(0, 2**62), st.integers(1, 3600 * 10**9))
def test_each_moment_lies_in_one_window(moment: int, length: int) -> None:
    begin, end = window_at(moment, length)
    assert begin <= moment < end == begin + length
    assert begin % length == 0
