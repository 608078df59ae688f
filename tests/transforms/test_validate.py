from datetime import timedelta
from typing import Any

import msgspec
import pytest
from arrivals import FEEDER, INTERNAL, NOW, USER, an_arrival
from lists import check_branches

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.edge import InputEdge
from winnowry.schemas.errors import ConfigError
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.transforms.bounds import Bounds
from winnowry.transforms.validate import Validate, validate

EDGES = pytest.mark.parametrize("edge", [USER, FEEDER, INTERNAL], ids=lambda edge: edge.kind)


def clock() -> float:
    return NOW


def result(edge: InputEdge = USER, bounds: Bounds | None = None, **fields: Any) -> Arrival | Outcome:
    return validate(an_arrival(edge, **fields), bounds or Bounds(), "ddi.example.org", clock)


def valid(edge: InputEdge = USER, bounds: Bounds | None = None, **fields: Any) -> Post:
    arrival = result(edge, bounds, **fields)
    assert isinstance(arrival, Arrival), arrival
    return arrival.post


def ending(edge: InputEdge = USER, bounds: Bounds | None = None, **fields: Any) -> tuple[Ending, Reason]:
    outcome = result(edge, bounds, **fields)
    assert isinstance(outcome, Outcome), outcome
    return outcome.ending, outcome.reason


def relayed(**fields: Any) -> Arrival | Outcome:
    return validate(an_arrival(FEEDER, **fields), Bounds(), "ddi.example.org", clock, relays=True)


def test_source_and_cluster_of_a_user_are_stamped_whatever_the_post_says() -> None:
    post = valid(USER, source="bob", from_cluster="elsewhere", origin_path="forged/path")
    assert (post.source, post.from_cluster, post.origin_path) == ("alice", "ddi.example.org", "a/b.bufr")


def test_feeder_is_believed_about_source_cluster_and_origin() -> None:
    post = valid(FEEDER, source="bob", from_cluster="dd.example.org", origin_path="first/path")
    assert (post.source, post.from_cluster, post.origin_path) == ("bob", "dd.example.org", "first/path")


def test_feeder_that_names_no_source_is_the_source() -> None:
    assert valid(FEEDER).source == "dd"


def test_feeder_that_brings_our_own_back_is_refused() -> None:
    assert ending(FEEDER, from_cluster="ddi.example.org") == (Ending.REFUSED, Reason.FROM_OURSELVES)


def test_source_of_a_feeder_must_be_a_name() -> None:
    assert ending(FEEDER, source="bob/x") == (Ending.MALFORMED, Reason.FIELD_INVALID)


def test_internal_post_goes_on_untouched() -> None:
    arrival = an_arrival(INTERNAL, source="bob", mode="644")
    assert validate(arrival, Bounds(), "ddi.example.org", clock) is arrival


@EDGES
@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../b"])
def test_path_outside_the_root_is_refused_on_every_edge(edge: InputEdge, path: str) -> None:
    assert ending(edge, rel_path=path) == (Ending.REFUSED, Reason.PATH_OUTSIDE_ROOT)
    assert ending(edge, origin_path=path) == (Ending.REFUSED, Reason.PATH_OUTSIDE_ROOT)
    assert ending(edge, rename=path) == (Ending.REFUSED, Reason.RENAME_OUTSIDE_ROOT)


@EDGES
@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "b/../../../x"])
def test_link_outside_the_root_is_refused_on_every_edge(edge: InputEdge, target: str) -> None:
    assert ending(edge, file_op={"link": target}) == (Ending.REFUSED, Reason.LINK_OUTSIDE_ROOT)


@pytest.mark.parametrize("path", ["../x", "a/%2e%2E/x", "/api/../../x"])
def test_retrieve_path_that_climbs_is_refused(path: str) -> None:
    assert ending(retrieve_path=path) == (Ending.REFUSED, Reason.PATH_OUTSIDE_ROOT)


def test_retrieve_path_may_be_any_url_below_the_server() -> None:
    assert valid(retrieve_path="/api//get?file=a&x=..%2F").retrieve_path == "/api//get?file=a&x=..%2F"


@pytest.mark.parametrize("operation", [{"directory": ""}, {"link": "c.bufr"}])
def test_folders_and_links_go_on(operation: dict[str, str]) -> None:
    assert valid(file_op=operation).file_op == operation


@pytest.mark.parametrize(
    "operation",
    [{"remove": ""}, {"remove": "", "directory": ""}, {"rename": "old"}, {"hlink": "x"}, {"rename": "o", "link": "t"}],
)
def test_other_operations_are_refused_but_passed_on_by_a_relay(operation: dict[str, Any]) -> None:
    assert ending(file_op=operation) == (Ending.REFUSED, Reason.UNSUPPORTED_OPERATION)
    assert isinstance(relayed(file_op=operation), Arrival)


@pytest.mark.parametrize("operation", [{}, {"x": 1}])
def test_operation_that_nobody_knows_is_never_taken_for_a_file(operation: dict[str, Any]) -> None:
    assert ending(file_op=operation) == (Ending.REFUSED, Reason.UNSUPPORTED_OPERATION)
    assert isinstance(relayed(file_op=operation), Outcome)


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ({"rename": "../x"}, Reason.RENAME_OUTSIDE_ROOT),
        ({"hlink": "/etc/passwd"}, Reason.LINK_OUTSIDE_ROOT),
        ({"link": "/etc/passwd"}, Reason.LINK_OUTSIDE_ROOT),
        ({"rename": "old", "link": "../../x"}, Reason.LINK_OUTSIDE_ROOT),
        ({"rename": "old", "hlink": "/x"}, Reason.LINK_OUTSIDE_ROOT),
        ({"link": "b", "hlink": "../../x"}, Reason.LINK_OUTSIDE_ROOT),
        ({"link": ["../../x"]}, Reason.PATH_UNUSABLE),
    ],
)
def test_not_even_a_relay_passes_on_what_leads_out_of_the_root(operation: dict[str, Any], reason: Reason) -> None:
    outcome = relayed(file_op=operation)
    assert isinstance(outcome, Outcome)
    assert outcome.reason is reason


def test_half_of_a_v2_rename_is_refused() -> None:
    assert ending(foreign={"newname": msgspec.Raw(b'"b"')}) == (Ending.REFUSED, Reason.UNSUPPORTED_OPERATION)


@pytest.mark.parametrize(
    "blocks",
    [
        {"method": "inplace", "size": "400", "count": "3", "remainder": "250", "number": "1"},
        {"method": "inplace", "size": 400, "number": 0, "manifest": {"0": {"size": 400}, "1": {"size": 250}}},
        {},
    ],
)
def test_one_block_of_a_file_is_refused_but_passed_on_by_a_relay(blocks: dict[str, Any]) -> None:
    assert ending(blocks=blocks) == (Ending.REFUSED, Reason.UNSUPPORTED_BLOCKS)
    passed_on = relayed(blocks=blocks)
    assert isinstance(passed_on, Arrival)
    assert passed_on.post.blocks == blocks


@pytest.mark.parametrize("blocks", [{"count": "1", "number": "0"}, {"number": 0, "manifest": {"0": {"size": 400}}}])
def test_only_block_is_the_file(blocks: dict[str, Any]) -> None:
    assert valid(blocks=blocks).blocks is None


@pytest.mark.parametrize(
    ("bounds", "fields", "reason"),
    [
        (Bounds(max_file=10), {"size": 11}, Reason.TOO_LARGE),
        (Bounds(max_age=timedelta(hours=1)), {"pub_time": "20251231T225959.0"}, Reason.TOO_OLD),
        (Bounds(), {"pub_time": "20260101T010001.0"}, Reason.TOO_YOUNG),
        (Bounds(), {"base_url": "gopher://example.org/"}, Reason.SCHEME_NOT_ALLOWED),
        (Bounds(schemes=frozenset({"https"})), {"base_url": "http://example.org/"}, Reason.SCHEME_NOT_ALLOWED),
    ],
)
def test_post_beyond_the_bounds_is_refused(bounds: Bounds, fields: dict[str, Any], reason: Reason) -> None:
    assert ending(USER, bounds, **fields) == (Ending.REFUSED, reason)


def test_post_at_the_bounds_goes_on() -> None:
    bounds = Bounds(max_file=10, max_age=timedelta(hours=1))
    assert valid(USER, bounds, size=10, pub_time="20251231T230000.0").size == 10
    assert valid(USER, bounds, pub_time="20260101T010000.0").rel_path == "a/b.bufr"


@pytest.mark.parametrize(
    "fields",
    [
        {"pub_time": "yesterday"},
        {"pub_time": "20261399T000000.0"},
        {"mtime": "0"},
        {"atime": "never"},
        {"mode": "rwxr-xr-x"},
        {"mode": "-7"},
        {"mode": "999"},
        {"base_url": "https:///nowhere"},
        {"base_url": "example.org"},
        {"base_url": "https://example.org/a b"},
    ],
)
def test_unreadable_field_is_malformed(fields: dict[str, Any]) -> None:
    assert ending(**fields) == (Ending.MALFORMED, Reason.FIELD_INVALID)


@pytest.mark.parametrize(
    ("mode", "expected"), [("644", "644"), ("0644", "0644"), ("4755", "755"), ("1777", "777"), ("100644", "644")]
)
def test_special_mode_bits_are_dropped(mode: str, expected: str) -> None:
    assert valid(mode=mode).mode == expected


def test_private_fields_are_not_believed() -> None:
    foreign = {"_isRetry": msgspec.Raw(b"1"), "new_dir": msgspec.Raw(b'"/etc"'), "station": msgspec.Raw(b'"YUL"')}
    assert list(valid(foreign=foreign).foreign) == ["station"]


@pytest.mark.parametrize("url", ["file:/srv/in", "file:///srv/in/", "file:", "file:/srv"])
def test_local_files_are_taken_below_the_given_folders_alone(url: str) -> None:
    bounds = Bounds(file_roots=("/srv/in",))
    inside = {"file:": "srv/in/x", "file:/srv": "in/x"}.get(url, "x")
    assert valid(USER, bounds, base_url=url, rel_path=inside).rel_path == inside
    assert ending(USER, Bounds(), base_url=url, rel_path=inside) == (Ending.REFUSED, Reason.SCHEME_NOT_ALLOWED)


@pytest.mark.parametrize(
    "fields",
    [
        {"base_url": "file:/etc"},
        {"base_url": "file:/srv/in/../../etc"},
        {"base_url": "file:/srv/in/%2e%2e"},
        {"base_url": "file:/srv/inner"},
        {"base_url": "file:/srv/in", "rel_path": "%2e%2e/x"},
        {"base_url": "FILE:/etc"},
        {"base_url": "file:", "retrieve_path": "/etc/shadow", "rel_path": "srv/in/x"},
    ],
)
def test_other_local_files_are_never_read(fields: dict[str, Any]) -> None:
    assert ending(USER, Bounds(file_roots=("/srv/in",)), **fields) == (Ending.REFUSED, Reason.SCHEME_NOT_ALLOWED)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_file": -1}, "max_file: -1"),
        ({"schemes": frozenset({"gopher"})}, "gopher.*file, http, https, sftp"),
        ({"file_roots": ("srv",)}, "'srv'"),
        ({"file_roots": ("/srv/..",)}, "'/srv/..'"),
    ],
)
def test_bounds_that_cannot_be_meant_are_named(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Bounds(**settings)


def test_arrivals_go_on_or_end() -> None:
    good, bad = an_arrival(INTERNAL), an_arrival(INTERNAL, rel_path="../x")
    verb = Validate(cluster="ddi.example.org", clock=clock)
    check_branches(verb, [good, bad], going_on=[good], ended=[validate(bad, Bounds(), "ddi.example.org", clock)])


@EDGES
@pytest.mark.parametrize("url", ["https://a:b@h/", "http://:b@h", "HTTPS://a:b:c@d@h/x", "sftp://a:@h/", "http:///a:b@h/"])
def test_password_in_a_url_is_refused_and_not_repeated(edge: InputEdge, url: str) -> None:
    outcome = result(edge, base_url=url)
    assert isinstance(outcome, Outcome)
    assert outcome.ending in (Ending.REFUSED, Ending.MALFORMED)
    assert ":b" not in outcome.detail


@pytest.mark.parametrize("url", ["sftp://dd@h/", "https://h:8443/a:b@c", "https://h/?a:b@c"])
def test_account_port_and_at_sign_in_a_url_are_no_password(url: str) -> None:
    assert valid(base_url=url).base_url == url
