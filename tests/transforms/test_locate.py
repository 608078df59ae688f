from typing import Any

import pytest
from arrivals import an_arrival
from hypothesis import given
from hypothesis import strategies as st
from lists import check_branches

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.errors import ConfigError
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.layout import Layout
from winnowry.transforms.locate import Locate, locate

BY_DAY = Layout(template="{date:%Y%m%d}/{source}/{rel_path}")


def place(layout: Layout, **fields: Any) -> str:
    result = locate(an_arrival(**fields), layout)
    assert isinstance(result, Arrival)
    return result.place


def refusal(layout: Layout, **fields: Any) -> Reason:
    result = locate(an_arrival(**fields), layout)
    assert isinstance(result, Outcome)
    assert result.ending is Ending.REFUSED
    return result.reason


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (Layout(), "a/b/c.bufr"),
        (BY_DAY, "20251231/alice/a/b/c.bufr"),
        (Layout(template="{date:%Y/%m/%d/%H}/{name}"), "2025/12/31/23/c.bufr"),
        (Layout(template="{cluster}/{rel_path}"), "dd.example.org/a/b/c.bufr"),
        (Layout(strip=1), "b/c.bufr"),
        (Layout(strip=9), "c.bufr"),
        (Layout(flatten="_"), "a_b_c.bufr"),
        (Layout(template="in/{rel_path}", strip=1, flatten="_"), "in/b_c.bufr"),
    ],
)
def test_file_lands_where_the_layout_says(layout: Layout, expected: str) -> None:
    fields = {"rel_path": "a/b/c.bufr", "source": "alice", "from_cluster": "dd.example.org", "pub_time": "20251231T235959.9"}
    assert place(layout, **fields) == expected


def test_rename_is_honoured_inside_the_layout() -> None:
    assert place(BY_DAY, source="alice", rename="new/name") == "20260101/alice/new/name"


@pytest.mark.parametrize("layout", [BY_DAY, Layout(template="{date:%Y}/{source}/{rel_path}", strip=2)])
def test_link_shows_nothing_of_another_source(layout: Layout) -> None:
    moved = {"rename": "link"} if not layout.strip else {}
    assert refusal(layout, source="alice", rel_path="a/b/c", file_op={"link": "../bob/x"}, **moved) is Reason.LINK_OUTSIDE_ROOT


@pytest.mark.parametrize("path", ["a/.b.00ff1.winnowry", ".x.winnowry", ".d.winnowry/b"])
def test_nobody_puts_anything_where_our_temporaries_are(path: str) -> None:
    assert refusal(Layout(), rel_path=path) is Reason.PATH_UNUSABLE
    assert refusal(Layout(), rename=path) is Reason.PATH_UNUSABLE


@pytest.mark.parametrize("path", ["a.winnowry", ".winnowry.d/b", ".hidden"])
def test_names_that_only_look_like_temporaries_are_fine(path: str) -> None:
    assert place(Layout(), rel_path=path) == path


def test_rename_to_a_folder_keeps_the_name() -> None:
    assert place(Layout(), rename="new/") == "new/b.bufr"


def test_rename_that_leaves_the_root_is_refused() -> None:
    assert refusal(BY_DAY, source="alice", rename="../bob/x") is Reason.RENAME_OUTSIDE_ROOT


@pytest.mark.parametrize("source", ["..", ".", "", "a/b", "a\x00", None])
def test_source_that_is_no_folder_is_refused(source: str | None) -> None:
    assert refusal(BY_DAY, source=source) in (Reason.PATH_UNUSABLE, Reason.PATH_OUTSIDE_ROOT)


def test_link_is_counted_from_its_place() -> None:
    link = {"rel_path": "a/latest", "file_op": {"link": "../common/file"}, "source": "alice"}
    assert place(BY_DAY, **link) == "20260101/alice/a/latest"
    assert refusal(Layout(strip=1), **link) is Reason.LINK_OUTSIDE_ROOT


@given(st.text(max_size=20), st.text(max_size=20), st.none() | st.text(max_size=20), st.integers(0, 3))
def test_place_is_always_inside_the_folder_of_the_source(path: str, source: str, rename: str | None, strip: int) -> None:
    layout = Layout(template="{source}/{rel_path}", strip=strip)
    result = locate(an_arrival(rel_path=path, source=source, rename=rename), layout)
    if isinstance(result, Arrival):
        assert result.place.startswith(source + "/")
        assert ".." not in result.place.split("/")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"template": "{day}/{rel_path}"}, r"\{day\}.*cluster, date, name, rel_path, source"),
        ({"template": "{source.__class__}/{rel_path}"}, "source.__class__"),
        ({"template": "{source}"}, "neither"),
        ({"template": "{rel_path"}, "cannot be read"),
        ({"template": "/srv/{rel_path}"}, "gives no path"),
        ({"template": "../{rel_path}"}, "gives no path"),
        ({"template": "{date}/{rel_path}"}, "%Y%m%d"),
        ({"template": "{rel_path:>9999}"}, "write {rel_path}"),
        ({"template": "{rel_path!r}"}, "rel_path!r"),
        ({"strip": -1}, "strip: -1"),
        ({"flatten": "/"}, "flatten: '/'"),
    ],
)
def test_layout_that_cannot_be_meant_is_named(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Layout(**settings)


def test_second_after_the_last_year_is_refused() -> None:
    assert refusal(BY_DAY, pub_time="99991231T235960", source="alice") is Reason.PATH_UNUSABLE


def test_layout_says_whether_it_separates_sources() -> None:
    assert BY_DAY.separates_sources
    assert not Layout(template="{date:%Y%m%d}/{rel_path}").separates_sources


def test_arrivals_go_on_or_end() -> None:
    good, bad = an_arrival(source="alice"), an_arrival(source="..")
    check_branches(Locate(layout=BY_DAY), [good, bad], going_on=[locate(good, BY_DAY)], ended=[locate(bad, BY_DAY)])
