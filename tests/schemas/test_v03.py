from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import anything, posts, texts

from winnowry.schemas.delivery import BODY_LIMIT
from winnowry.schemas.errors import Malformed
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.post import Content, Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.report import Report
from winnowry.schemas.v03 import KNOWN, read_v03, write_report, write_v03

START = b'{"pubTime": "20260101T000000.5", "baseUrl": "file:", "relPath": "a"'
POST = Post(pub_time="20260101T000000.5", base_url="file:", rel_path="a")


def read(rest: bytes) -> Post:
    post = read_v03(START + b", " + rest + b"}")
    assert isinstance(post, Post)
    return post


def wrong(body: bytes) -> Malformed:
    with pytest.raises(Malformed) as raised:
        read_v03(body)
    return raised.value


@given(posts)
def test_every_post_reads_as_it_was_written(post: Post) -> None:
    assert read_v03(write_v03(post)) == post


@given(posts, st.integers(1, 999), texts, st.floats(0, 1e9))
def test_every_report_reads_as_it_was_written(post: Post, code: int, message: str, elapsed: float) -> None:
    post = msgspec.structs.replace(post, content=None)
    report = Report(code=code, result_code=code, message=message, elapsed_time=elapsed, ending="failed", reason="gone")
    assert read_v03(write_report(post, report)) == msgspec.structs.replace(report, post=post)


def test_report_leaves_the_content_at_home() -> None:
    post = msgspec.structs.replace(POST, content=Content(encoding="utf-8", value="secret"))
    assert b"secret" not in write_report(post, Report(code=201))


def test_report_says_its_code_under_both_names() -> None:
    assert msgspec.json.decode(write_report(POST, Report(code=201)))["report"] == {"code": 201, "resultCode": 201}


@given(st.binary())
def test_no_bytes_do_worse_than_malformed(body: bytes) -> None:
    assert wrong(body).reason in (Reason.BODY_UNREADABLE, Reason.FIELD_INVALID)


@given(st.dictionaries(st.sampled_from([*sorted(KNOWN), "integrity", "parts", "sum", "oldname", "link", "report"]), anything))
def test_no_fields_do_worse_than_malformed(fields: dict[str, Any]) -> None:
    try:
        post = read_v03(msgspec.json.encode({"pubTime": "20260101T000000.5", "baseUrl": "file:", "relPath": "a"} | fields))
    except Malformed as error:
        assert error.reason is Reason.FIELD_INVALID
        return
    assert isinstance(post, Report) or read_v03(write_v03(post)) == post


@given(st.data())
def test_no_damage_does_worse_than_malformed(data: st.DataObject) -> None:
    body = bytearray(START + b', "size": "17", "identity": {"method": "md5", "value": "AA=="}, "flow": [1, "x"]}')
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        post = read_v03(bytes(body))
    except Malformed:
        return
    assert isinstance(post, Post)
    assert read_v03(write_v03(post)) == post


@pytest.mark.parametrize(
    "value",
    [
        b"1.10",
        b"1E5",
        b"1e400",
        b"-0.0",
        b"9" * 5000,
        b'{"b": [1,  2 ],"a":"\\u00e9\\/"}',
        b"null",
        b"[" * 500 + b"]" * 500,
    ],
)
def test_foreign_field_is_forwarded_untouched(value: bytes) -> None:
    post = read(b'"flow": ' + value + b', "size": 3')
    assert bytes(post.foreign["flow"]) == value
    assert b'"flow":' + value in write_v03(post)


def test_private_keys_of_sr3_never_leave() -> None:
    post = read(b'"_deleteOnPost": ["x"], "new_dir": "/tmp", "_foreign": {"relPath": "evil"}, "contentType": "text/plain"')
    assert list(post.foreign) == ["contentType"]
    body = write_v03(
        msgspec.structs.replace(post, foreign={**post.foreign, "_x": msgspec.Raw(b"1"), "new_y": msgspec.Raw(b"1")})
    )
    assert list(msgspec.json.decode(body)) == ["pubTime", "baseUrl", "relPath", "contentType"]


@pytest.mark.parametrize("name", ["relPath", "identity", "integrity", "private", "report"])
def test_foreign_field_never_speaks_for_a_known_one(name: str) -> None:
    assert write_v03(msgspec.structs.replace(POST, foreign={name: msgspec.Raw(b'"evil"')})) == write_v03(POST)


def test_last_of_equal_keys_holds_by_both_ways_of_reading() -> None:
    assert read(b'"relPath": "b"').rel_path == "b"
    assert read(b'"relPath": "b", "flow": 1').rel_path == "b"


@pytest.mark.parametrize("size", [b"17", b'"17"', b"17.0"])
def test_size_may_be_text(size: bytes) -> None:
    assert read(b'"size": ' + size).size == 17


def test_older_names_are_understood_and_replaced() -> None:
    post = read(b'"integrity": {"method": "md5", "value": "AA=="}, "retPath": "b"')
    assert (post.fingerprint, post.retrieve_path) == (Fingerprint(method="md5", value="AA=="), "b")
    assert b"integrity" not in write_v03(post)


def test_newer_name_wins_over_the_older() -> None:
    post = read(b'"retPath": "old", "retrievePath": "new"')
    assert (post.retrieve_path, dict(post.foreign)) == ("new", {})


def test_checksum_broken_over_lines_is_joined() -> None:
    assert read(b'"identity": {"method": "sha512", "value": "AA\\nBB\\n"}').fingerprint == Fingerprint(
        method="sha512", value="AABB"
    )


def test_size_and_checksum_of_a_v2_producer_are_understood() -> None:
    post = read(b'"parts": "1,17,1,0,0", "sum": "d,00ff"')
    assert (post.size, post.fingerprint, dict(post.foreign)) == (17, Fingerprint(method="md5", value="AP8="), {})


def test_v2_fields_do_not_override_those_of_v03() -> None:
    post = read(b'"size": 3, "parts": "1,17,1,0,0", "sum": "R,00", "identity": {"method": "md5", "value": "AA=="}')
    assert (post.size, post.file_op, post.fingerprint) == (3, None, Fingerprint(method="md5", value="AA=="))


def test_block_of_a_v2_producer_becomes_blocks() -> None:
    post = read(b'"parts": "i,400,3,250,2"')
    assert post.size == 250
    assert post.blocks == {"method": "inplace", "size": 400, "count": 3, "remainder": 250, "number": 2}


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (b'"size": -1', "size"),
        (b'"size": 9223372036854775808', "size"),
        (b'"size": 1e400', "size"),
        (b'"size": "abc"', "size"),
        (b'"pubTime": "yesterday"', "pubTime"),
        (b'"pubTime": null', "pubTime"),
        (b'"mtime": ""', "mtime"),
        (b'"atime": "2026"', "atime"),
        (b'"relPath": ""', "relPath"),
        (b'"relPath": ["a"]', "relPath"),
        (b'"identity": {"value": "x"}', "identity"),
        (b'"fileOp": "remove"', "fileOp"),
        (b'"blocks": []', "blocks"),
        (b'"private": "maybe"', "private"),
        (b'"parts": "1,x,1,0,0"', "parts"),
        (b'"sum": "d,xyz"', "sum"),
        (b'"sum": "L,00"', "sum"),
        (b'"report": {"message": "no code"}', "report"),
        (b'"report": 201', "report"),
    ],
)
def test_wrong_field_is_named(field: bytes, name: str) -> None:
    error = wrong(START + b", " + field + b"}")
    assert error.reason is Reason.FIELD_INVALID
    assert name in error.detail


@pytest.mark.parametrize("missing", ["pubTime", "baseUrl", "relPath"])
def test_missing_field_is_named(missing: str) -> None:
    fields = {"pubTime": "20260101T000000.5", "baseUrl": "file:", "relPath": "a"}
    del fields[missing]
    assert missing in wrong(msgspec.json.encode(fields)).detail


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        START,
        START + b"}}",
        START + b', "x": NaN}',
        START + b', "x": "\xff"}',
        START + b', "\xff": 1}',
        START + b', "x": "\\ud800"}',
        START + b', "relPath": "\\udc00"}',
        START + b', "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        START + b', "blocks": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b"\xef\xbb\xbf" + START + b"}",
    ],
)
def test_what_is_no_json_object_is_unreadable(body: bytes) -> None:
    assert wrong(body).reason is Reason.BODY_UNREADABLE


def test_body_above_the_limit_is_too_large() -> None:
    assert wrong(START + b" " * BODY_LIMIT + b"}").reason is Reason.BODY_TOO_LARGE


def test_wis2_notification_is_of_another_version() -> None:
    assert wrong(b'{"id": "x", "type": "Feature", "conformsTo": [], "links": []}').reason is Reason.VERSION_UNKNOWN


def test_path_of_stray_bytes_cannot_be_written() -> None:
    with pytest.raises(Malformed, match="cannot be written"):
        write_v03(msgspec.structs.replace(POST, rel_path="a\udcff"))


@pytest.mark.parametrize("field", [b"blocks", b"fileOp"])
def test_what_is_nested_too_deeply_to_be_written_again_is_malformed(field: bytes) -> None:
    deep = b'{"a": ' * 16 + b"{}" + b"}" * 16
    error = wrong(START + b', "' + field + b'": ' + deep + b"}")
    assert (error.reason, error.detail) == (Reason.FIELD_INVALID, f"{field.decode()} is nested more than 16 deep")
    assert read(b'"' + field + b'": ' + deep[6:-1])
