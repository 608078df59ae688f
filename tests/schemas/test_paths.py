from contextlib import suppress
from pathlib import Path
from posixpath import normpath
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from winnowry.schemas.errors import Refused
from winnowry.schemas.paths import check_link, check_path
from winnowry.schemas.reasons import Reason

anything = st.lists(st.sampled_from(["..", ".", "", "a", "b", "…", "a\n", "\x00", "\ud800", "x" * 256]), max_size=8).map(
    "/".join
)


def refusal(path: str) -> Reason | None:
    try:
        check_path(path)
    except Refused as error:
        return error.reason
    return None


@pytest.mark.parametrize(
    "path", ["a", "a/b", "a b/ü.txt", "…/x", "a..b", "..a/b..", "line\nfeed\tand tab", "c" * 255, ".hidden"]
)
def test_ordinary_path_is_usable(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../b", "a/..", "..", "//host/x"])
def test_path_that_could_leave_the_root_is_refused(path: str) -> None:
    assert refusal(path) is Reason.PATH_OUTSIDE_ROOT


@pytest.mark.parametrize(
    "path", ["", ".", "a//b", "a/", "a/./b", "a\x00b", "a\x1b[2J", "\ud800", "c" * 256, "ü" * 128, "c/" * 2048 + "c", "a\x7f"]
)
def test_path_that_no_file_system_should_carry_is_refused(path: str) -> None:
    assert refusal(path) is Reason.PATH_UNUSABLE


@given(anything | st.text())
def test_accepted_path_is_its_own_normal_form_below_the_root(path: str) -> None:
    if refusal(path) is None:
        assert normpath(path) == path
        assert normpath("/srv/data/" + path).startswith("/srv/data/")
        assert max(len(component) for component in path.encode().split(b"/")) <= 255


@given(st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4).map("/".join), anything)
def test_accepted_link_leads_below_the_root(place: str, target: str) -> None:
    try:
        check_link(place, target)
    except Refused:
        return
    folder = normpath(f"/srv/data/{place}/..")
    assert (normpath(f"{folder}/{target}") + "/").startswith("/srv/data/")


places = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
targets = st.lists(st.sampled_from(["..", "..", "a", "b", "c"]), min_size=1, max_size=4).map("/".join)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(places, targets), max_size=6))
@example([("a/b/c", "../.."), ("a/c", "b/c/../x")])
@example([("a/b", ".."), ("a/b/c", "../../x")])
def test_no_chain_of_accepted_links_leads_out_of_a_real_folder(links: list[tuple[str, str]]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "root"
        for place, target in links:
            try:
                check_link(place, target)
            except Refused:
                continue
            make_without_following(root, place, target)
        for path in root.rglob("*"):
            with suppress(RuntimeError, OSError):
                assert path.resolve().is_relative_to(root)


def make_without_following(root: Path, place: str, target: str) -> None:
    """Make a link as Place does: through real folders alone."""
    link = root / place
    if any((root / folder).is_symlink() for folder in link.relative_to(root).parents):
        return
    with suppress(OSError):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target or ".")


@pytest.mark.parametrize("target", ["b", "./b", "../b", "../../x/y", ".", ".."])
def test_link_inside_the_root_is_usable(target: str) -> None:
    assert check_link("day/alice/latest", target) == target


@pytest.mark.parametrize("target", ["../../../x", "/etc/passwd", "b/../../../../x", "b/../c"])
def test_link_that_leads_out_or_might_is_refused(target: str) -> None:
    with pytest.raises(Refused) as error:
        check_link("day/alice/latest", target)
    assert error.value.reason is Reason.LINK_OUTSIDE_ROOT


def test_parent_behind_a_name_is_refused_because_the_name_may_be_a_link(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "up").symlink_to("../..")
    assert check_link("a/b/up", "../..") == "../.."
    assert not (root / "a/b/up/..").resolve().is_relative_to(root.resolve())
    with pytest.raises(Refused):
        check_link("escape", "a/b/up/../outside")
