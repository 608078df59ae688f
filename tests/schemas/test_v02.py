from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winnowry.schemas.errors import Malformed
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.post import Operation, Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.report import Report
from winnowry.schemas.v00 import read_v00
from winnowry.schemas.v02 import read_v02
from winnowry.schemas.v03 import read_v03, write_v03

LINE = b"20260101000000.5 http://example.org/ a/b"
V00 = b"25d231ec0ae3c569ba27ab7a74dd72ce 256 http://dd.weather.gc.ca/ citypage_weather/xml/ON/s0000458_e.xml"

names = st.sampled_from(["sum", "parts", "link", "oldname", "newname", "mode", "mtime", "private", "size", "x-death", "flow"])
values = st.text(st.characters(codec="utf-8")) | st.integers() | st.binary() | st.none() | st.sampled_from(["R,", "L,", "d,00"])


def read(**headers: Any) -> Post:
    post = read_v02(LINE, headers)
    assert isinstance(post, Post)
    return post


@pytest.mark.parametrize(
    ("text", "fingerprint"),
    [
        ("d,00ff", Fingerprint(method="md5", value="AP8=")),
        ("s,00FF", Fingerprint(method="sha512", value="AP8=")),
        ("n,00ff", Fingerprint(method="md5name", value="AP8=")),
        ("p,00ff", Fingerprint(method="sha512name", value="AP8=")),
        ("0,0427", Fingerprint(method="random", value="0427")),
        ("a,some,text", Fingerprint(method="arbitrary", value="some,text")),
        ("z,s", Fingerprint(method="cod", value="sha512")),
        ("z,d", Fingerprint(method="cod", value="md5")),
    ],
)
def test_letter_of_a_checksum_names_its_method(text: str, fingerprint: Fingerprint) -> None:
    assert read(sum=text).fingerprint == fingerprint


def test_checksum_of_an_unknown_letter_is_kept_and_says_nothing() -> None:
    post = read(sum="q,0")
    assert post.fingerprint is None
    assert bytes(post.foreign["sum"]) == b'"q,0"'


@pytest.mark.parametrize(
    ("headers", "operation"),
    [
        ({"sum": "R,00"}, Operation(kind="remove")),
        ({"sum": "r,00"}, Operation(kind="rmdir")),
        ({"sum": "m,00"}, Operation(kind="mkdir")),
        ({"sum": "L,00", "link": "../x"}, Operation(kind="link", target="../x")),
        ({"sum": "l,00", "link": "x"}, Operation(kind="hlink", target="x")),
        ({"sum": "d,00", "oldname": "old"}, Operation(kind="rename", target="old")),
        ({"sum": "L,00", "link": "t", "oldname": "old"}, Operation(kind="rename", target="old")),
        ({"sum": "d,00"}, None),
    ],
)
def test_operations_are_told_from_files(headers: dict[str, str], operation: Operation | None) -> None:
    assert read(**headers).operation == operation


def test_rename_keeps_checksum_and_size() -> None:
    post = read(sum="d,00", parts="1,17,1,0,0", oldname="old")
    assert (post.fingerprint, post.size) == (Fingerprint(method="md5", value="AA=="), 17)


def test_first_half_of_a_double_rename_can_be_told() -> None:
    post = read(sum="R,00", newname="new")
    assert post.operation == Operation(kind="remove")
    assert bytes(post.foreign["newname"]) == b'"new"'


@pytest.mark.parametrize(("number", "size"), [(0, 400), (1, 400), (2, 250)])
def test_last_block_is_what_remains(number: int, size: int) -> None:
    post = read(parts=f"p,400,3,250,{number}")
    assert post.size == size
    assert post.blocks == {"method": "separate", "size": 400, "count": 3, "remainder": 250, "number": number}


def test_space_and_number_sign_are_decoded_and_nothing_else() -> None:
    post = read_v02(b"20260101000000.5 http://example.org/ a%20b/%23%41", {})
    assert isinstance(post, Post)
    assert post.rel_path == "a b/#%41"


def test_line_of_the_c_client_ends_in_a_space() -> None:
    assert read_v02(LINE + b" \nreserved", {}) == read()


def test_times_are_given_in_their_v03_form() -> None:
    post = read(mtime="20251231235959.25", atime="20251231T235959")
    assert (post.pub_time, post.mtime, post.atime) == ("20260101T000000.5", "20251231T235959.25", "20251231T235959")


def test_headers_of_users_go_on_as_text_and_those_of_the_broker_do_not() -> None:
    post = read(flow="x", count=3, raw=b"y", **{"x-death": [{"count": 1}], "x-winnowry-attempt": "2"})
    assert {name: bytes(raw) for name, raw in post.foreign.items()} == {"flow": b'"x"', "count": b'"3"', "raw": b'"y"'}


@pytest.mark.parametrize(
    "name", ["relPath", "pubTime", "identity", "fileOp", "size", "blocks", "content", "_x", "new_dir", "report"]
)
def test_header_never_speaks_for_a_field_of_the_line(name: str) -> None:
    assert read(**{name: "evil"}) == read()


def test_destinations_survive() -> None:
    assert read(to_clusters="a,b").to_clusters == "a,b"


def test_report_has_four_words_more() -> None:
    report = read_v02(LINE + b" 499 castor anonymous 0.5", {"message": "no", "source": "alice"})
    expected = Report(
        code=499,
        result_code=499,
        time_completed="20260101T000000.5",
        message="no",
        elapsed_time=0.5,
        host="castor",
        user="anonymous",
        post=read(source="alice"),
    )
    assert report == expected


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"", {}, Reason.BODY_UNREADABLE),
        (b"\xff\xfe", {}, Reason.BODY_UNREADABLE),
        (b"20260101000000.5 http://example.org/ a b", {}, Reason.BODY_UNREADABLE),
        (b"x http://example.org/ a", {}, Reason.FIELD_INVALID),
        (LINE, {"sum": "d,xyz"}, Reason.FIELD_INVALID),
        (LINE, {"sum": "L,00"}, Reason.FIELD_INVALID),
        (LINE, {"parts": "1,17"}, Reason.FIELD_INVALID),
        (LINE, {"parts": "1,-17,1,0,0"}, Reason.FIELD_INVALID),
        (LINE, {"parts": "i,400,3,250,3"}, Reason.FIELD_INVALID),
        (LINE, {"mtime": "soon"}, Reason.FIELD_INVALID),
        (LINE, {"private": "maybe"}, Reason.FIELD_INVALID),
        (LINE + b" x castor anonymous 0.5", {}, Reason.FIELD_INVALID),
        (LINE + b" 201 castor anonymous nan", {}, Reason.FIELD_INVALID),
        (LINE + b" " * 2**20, {}, Reason.BODY_TOO_LARGE),
    ],
)
def test_anything_else_is_malformed(body: bytes, headers: dict[str, str], reason: Reason) -> None:
    with pytest.raises(Malformed) as raised:
        read_v02(body, headers)
    assert raised.value.reason is reason


@given(st.dictionaries(names, values))
def test_no_headers_do_worse_than_malformed(headers: dict[str, Any]) -> None:
    try:
        post = read_v02(LINE, headers)
    except Malformed as error:
        assert error.reason is Reason.FIELD_INVALID
        return
    assert isinstance(post, Post)
    assert read_v03(write_v03(post)) == post


@given(st.binary() | st.text().map(str.encode))
def test_no_line_does_worse_than_malformed(body: bytes) -> None:
    for line in (body, LINE + body):
        try:
            assert isinstance(read_v02(line, {}), Post | Report)
        except Malformed as error:
            assert error.reason in (Reason.BODY_UNREADABLE, Reason.FIELD_INVALID)


def test_v00_is_dated_when_it_comes() -> None:
    expected = Post(
        pub_time="20260101T000000.000000000",
        base_url="http://dd.weather.gc.ca/",
        rel_path="citypage_weather/xml/ON/s0000458_e.xml",
        source="metpx",
        to_clusters="ALL",
        size=256,
        fingerprint=Fingerprint(method="md5", value="JdIx7ArjxWm6J6t6dN1yzg=="),
    )
    assert read_v00(V00, {}, 1767225600_000_000_000) == expected


@pytest.mark.parametrize("body", [LINE, V00.replace(b"256", b"big"), V00.replace(b"25d2", b"wxyz"), b"\xff a b c"])
def test_what_is_no_v00_line_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_v00(body, {}, 0)
