import pytest
from hypothesis import given
from hypothesis import strategies as st

from winnowry.schemas.history import COUNT_LIMIT, History, Said, Saying

counts = st.integers(1, COUNT_LIMIT)
contents = st.binary(min_size=16, max_size=16)
announcers = st.binary(min_size=8, max_size=8)
pub_times = st.integers(-(2**63), 2**63 - 1)


@st.composite
def histories(draw: st.DrawFn) -> History:
    episodes = draw(st.dictionaries(contents, counts, max_size=5))
    if not episodes:
        return History({}, {}, b"", draw(pub_times), draw(pub_times))
    sayings = st.dictionaries(st.sampled_from(sorted(episodes)), st.builds(Saying, counts, pub_times), min_size=1)
    speakers = draw(st.dictionaries(announcers, st.builds(Said, sayings), max_size=4))
    return History(episodes, speakers, draw(st.sampled_from([b"", *speakers])), draw(pub_times), draw(pub_times))


@given(histories())
def test_a_history_comes_back_as_it_was_stored(history: History) -> None:
    back = History.unpack(history.pack())
    assert back == history
    assert [said.content for said in back.announcers.values()] == [said.content for said in history.announcers.values()]


@given(histories(), st.data())
def test_a_piece_of_a_record_is_no_record(history: History, data: st.DataObject) -> None:
    record = history.pack()
    with pytest.raises(ValueError, match="is not a history"):
        History.unpack(record[: data.draw(st.integers(0, len(record) - 1))])


def test_one_content_of_two_announcers_takes_at_most_100_bytes() -> None:
    said = Said({bytes(16): Saying(1, 10**18)})
    assert len(History({bytes(16): 1}, {bytes(8): said, b"announce": said}).pack()) == 77


def test_what_was_said_last_is_known() -> None:
    said = Said({b"old": Saying(2, 7), b"new": Saying(1, 9)})
    assert (said.content, said.pub_time) == (b"new", 9)
