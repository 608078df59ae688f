from typing import Any

import pytest

from winnowry.schemas.block import Block, BlockPlan, read_block, read_plan
from winnowry.schemas.errors import Malformed
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.post import Post

MANIFEST = {
    "0": {"size": 400, "identity": "AAAA"},
    "1": {"size": 400, "identity": "BBBB"},
    "2": {"size": 200, "identity": "CCCC"},
}
SR3 = {"method": "inplace", "size": 400, "number": 1, "manifest": MANIFEST}
C = {"method": "inplace", "size": "400", "count": "3", "remainder": "200", "number": "2"}


def a_post(blocks: dict[str, Any] | None) -> Post:
    fingerprint = Fingerprint(method="md5", value="BBBB")
    return Post(pub_time="20260101T000000.0", base_url="file:", rel_path="a", fingerprint=fingerprint, blocks=blocks)


def test_whole_file_has_no_plan() -> None:
    assert read_plan(a_post(None)) is None
    assert read_block(a_post(None)) is None


def test_manifest_of_sr3_is_read_with_its_fingerprints() -> None:
    plan = read_plan(a_post(SR3))
    assert plan is not None
    assert (plan.file_size, plan.block_size, plan.count, plan.stored) == (1000, 400, 3, "inplace")
    assert plan.block(2) == Block(number=2, offset=800, size=200, fingerprint=Fingerprint(method="md5", value="CCCC"))


def test_block_of_sr3_is_found_by_its_number() -> None:
    expected = Block(number=1, offset=400, size=400, fingerprint=Fingerprint(method="md5", value="BBBB"))
    assert read_block(a_post(SR3)) == expected


def test_reassembled_file_of_sr3_announces_no_block() -> None:
    assert read_block(a_post({key: value for key, value in SR3.items() if key != "number"})) is None


def test_numbers_of_c_are_text() -> None:
    assert read_plan(a_post(C)) == BlockPlan(file_size=1000, block_size=400, count=3)
    block = read_block(a_post(C))
    assert block is not None
    assert (block.offset, block.size) == (800, 200)


def test_plan_without_remainder_fills_its_last_block() -> None:
    plan = read_plan(a_post({**C, "remainder": 0}))
    assert plan is not None
    assert [(block.offset, block.size) for block in plan] == [(0, 400), (400, 400), (800, 400)]


def test_plan_of_a_million_million_blocks_costs_nothing() -> None:
    plan = read_plan(a_post({**C, "size": 1, "count": 10**12, "remainder": 0}))
    assert plan is not None
    assert plan.block(10**12 - 1).offset == 10**12 - 1


@pytest.mark.parametrize("method", ["separate", "partitioned"])
def test_part_files_are_told_from_spans(method: str) -> None:
    plan = read_plan(a_post({**SR3, "method": method}))
    assert plan is not None
    assert plan.stored == "separate"


@pytest.mark.parametrize(
    "change",
    [
        {"number": 3},
        {"number": -1},
        {"number": "x"},
        {"number": True},
        {"size": None},
        {"size": "9" * 19},
        {"count": 0},
        {"count": 2**62},
        {"remainder": 401},
        {"method": "sideways"},
        {"manifest": {"0": {"size": 1}, "2": {"size": 1}}},
        {"manifest": {"0": 7}},
        {"manifest": {}},
    ],
)
def test_impossible_blocks_are_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match="blocks: "):
        read_block(a_post({**C, **change}))


def test_blocks_of_nothing_without_end_are_malformed() -> None:
    with pytest.raises(Malformed):
        read_plan(a_post({**C, "size": 0, "count": 10**12, "remainder": 0}))
