import json
from pathlib import Path

import pytest
from fastavro.schema import parse_schema

from winnowry.schemas import contracts
from winnowry.schemas.contracts import CONTRACTS, check, export, load
from winnowry.schemas.post import Post


def test_contracts_say_what_the_types_say() -> None:
    assert check() == []


def test_each_exported_contract_stands_alone(tmp_path: Path) -> None:
    paths = export(tmp_path)
    assert [path.name for path in paths] == [f"{name}.avsc" for name in CONTRACTS]
    for path in paths:
        assert parse_schema(json.loads(path.read_text("utf-8")))["name"] == f"winnowry.{path.stem.capitalize()}"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"type": "long"}, "post.source.type: the contract says 'long', the type says ['null', 'string']"),
        ({"default": ""}, "post.source.default: the contract says '', the type says None"),
        ({"wire": "origin"}, "post.source.wire: the contract says 'origin', the type says None"),
    ],
)
def test_difference_is_told_with_its_field(change: dict[str, str], line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    post = load()["post"]
    fields = [field | change if field["name"] == "source" else field for field in post["fields"]]
    monkeypatch.setattr(contracts, "load", lambda: {**load(), "post": {**post, "fields": fields}})
    assert check() == [line]


def test_field_of_one_side_only_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    post = load()["post"]
    fields = [field for field in post["fields"] if field["name"] != "mode"]
    monkeypatch.setattr(contracts, "load", lambda: {**load(), "post": {**post, "fields": fields}})
    assert check() == ["post.mode: only the type has it"]


def test_every_field_of_a_post_is_governed() -> None:
    assert [field["name"] for field in load()["post"]["fields"]] == list(Post.__struct_fields__)
