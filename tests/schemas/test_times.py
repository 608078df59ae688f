import pytest
from hypothesis import given
from hypothesis import strategies as st

from winnowry.schemas.errors import Malformed
from winnowry.schemas.reasons import Reason
from winnowry.schemas.times import read_time, write_time

SECOND = 1_000_000_000
FIRST = -62135596800 * SECOND
LAST = 253402300800 * SECOND - 1


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20231114T221320", 1700000000 * SECOND),
        ("20231114221320", 1700000000 * SECOND),
        ("20231114T221320.5", 1700000000 * SECOND + 500_000_000),
        ("20231114221320.127110243", 1700000000 * SECOND + 127_110_243),
        ("20231114T221320.1271102439", 1700000000 * SECOND + 127_110_243),
        ("20231114T221320.53674316e-07", 1700000000 * SECOND + 53),
        ("20231114T221320.5e-05", 1700000000 * SECOND + 5_000),
        ("20231114T221320.5e-400", 1700000000 * SECOND),
        ("19691231T235959.25", -750_000_000),
        ("20161231T235960.0", 1483228800 * SECOND),
    ],
)
def test_every_form_in_use_is_read(text: str, moment: int) -> None:
    assert read_time(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "201506011357.345",
        "20231114T221320.",
        "20231114T221320.e-07",
        "20231114T221320.-1",
        "20231114T221320.1_0",
        "20231314T221320.0",
        "20230230T000000.0",
        "20231114T241320.0",
        "20231114T226020.0",
        "20231114T221361.0",
        "00000101T000000.0",
        "20231114T221320.0\n",
        "20231114T221320,5",
        "\u0662\u0660\u0662\u0663\u0661\u0661\u0661\u0664T\u0662\u0662\u0661\u0663\u0662\u0660",
        "20231114T221320.\u0665",
        "2023-11-14T22:13:20Z",
    ],
)
def test_anything_else_is_malformed(text: str) -> None:
    with pytest.raises(Malformed) as raised:
        read_time(text, "mtime")
    assert raised.value.reason is Reason.FIELD_INVALID
    assert raised.value.detail.startswith("mtime ")


@given(st.integers(FIRST, LAST))
def test_what_is_written_reads_the_same(moment: int) -> None:
    assert read_time(write_time(moment)) == moment


@given(st.text())
def test_no_text_does_worse_than_malformed(text: str) -> None:
    try:
        assert FIRST <= read_time(text) <= LAST + SECOND
    except Malformed as error:
        assert error.reason is Reason.FIELD_INVALID


def test_a_fraction_is_always_written_for_the_c_client_demands_sixteen_characters() -> None:
    assert write_time(0) == "19700101T000000.000000000"


@pytest.mark.parametrize("moment", [FIRST - 1, LAST + 1])
def test_a_year_without_four_digits_is_not_written(moment: int) -> None:
    with pytest.raises(Malformed):
        write_time(moment)
