import pytest
from arrivals import INTERNAL, NOW, an_arrival
from hypothesis import given
from hypothesis import strategies as st
from lists import check_outcomes
from msgspec.structs import replace

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.outcome import Ending
from winnowry.schemas.rate import Sums
from winnowry.schemas.reasons import Reason
from winnowry.schemas.report import Report
from winnowry.transforms.meter import Meter, add_up, concerned, measure, meter

LATER = int((NOW + 2.5) * 1e9)


def a_report(code: int, user: str = "carol", **fields: object) -> Arrival:
    return replace(an_arrival(INTERNAL, **fields), report=Report(code=code, user=user))


def test_a_post_is_good_and_tells_of_its_file_and_how_late_it_is() -> None:
    assert measure(an_arrival(INTERNAL, size=17), LATER) == Sums(good=1, good_bytes=17, lag_sum=2_500_000, lag_max=2_500_000)


@pytest.mark.parametrize(("code", "good"), [(201, 1), (206, 1), (304, 1), (404, 0), (499, 0), (503, 0), (7, 0)])
def test_a_report_is_good_or_bad_by_its_code(code: int, good: int) -> None:
    found = measure(a_report(code, size=17), LATER)
    assert (found.good, found.bad, found.good_bytes, found.bad_bytes) == (good, 1 - good, 17 * good, 17 - 17 * good)


def test_of_a_block_its_own_bytes_count() -> None:
    blocks = {"size": "400", "count": "3", "remainder": "250", "number": "2"}
    assert measure(an_arrival(size=1050, blocks=blocks), LATER).good_bytes == 250
    assert measure(an_arrival(size=1050, blocks={**blocks, "number": "9"}), LATER).good_bytes == 1050


def test_what_is_dated_ahead_is_not_late() -> None:
    assert measure(an_arrival(pub_time="20990101T000000.0"), LATER).lag_sum == 0


def test_an_arrival_counts_for_all_for_its_source_and_for_its_consumer() -> None:
    assert list(concerned(an_arrival())) == [("all", "")]
    assert list(concerned(an_arrival(source="alice"))) == [("all", ""), ("source", "alice")]
    assert list(concerned(a_report(201, source="alice"))) == [("all", ""), ("source", "alice"), ("consumer", "carol")]


def test_names_are_cut_to_what_can_be_told() -> None:
    (_, name) = list(concerned(an_arrival(source="\udcff" + "x" * 1000)))[1]
    assert (len(name), name.isprintable()) == (100, True)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from((None, 201, 404)), st.integers(0, 2**63 - 1))), st.data())
def test_sums_of_parts_give_the_sums_of_the_whole(seen: list[tuple[str, int | None, int]], data: st.DataObject) -> None:
    arrivals = [
        a_report(code, source=source, size=size) if code else an_arrival(source=source, size=size)
        for source, code, size in seen
    ]
    cut = data.draw(st.integers(0, len(arrivals)))
    first, second = add_up(arrivals[:cut], LATER), add_up(arrivals[cut:], LATER)
    merged = {whose: first.get(whose, Sums()) + second.get(whose, Sums()) for whose in {**first, **second}}
    assert merged == add_up(arrivals, LATER)


def test_arrivals_end_as_delivered() -> None:
    arrival = an_arrival()
    outcome = meter(arrival)
    assert (outcome.ending, outcome.reason, outcome.arrival) == (Ending.DELIVERED, Reason.DONE, arrival)
    check_outcomes(Meter(), [arrival], [outcome])
