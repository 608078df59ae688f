from pathlib import Path

import pytest

from winnowry.runners.cluster.load import load_settings
from winnowry.runners.cluster.problem import ClusterFileError

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.yaml")))
def test_each_mistake_is_explained_with_its_place_and_remedy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)
    with pytest.raises(ClusterFileError) as raised:
        load_settings(Path(f"{name}.yaml"))
    assert f"{raised.value}\n" == Path(f"{name}.txt").read_text()


def test_no_message_holds_a_password() -> None:
    golden = sorted(GOLDEN.iterdir())
    assert sum("hunter2" in path.read_text() for path in golden if path.suffix == ".yaml") == 2
    assert [path.name for path in golden if path.suffix == ".txt" and "hunter2" in path.read_text()] == []


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_every_example_is_right(name: str) -> None:
    assert load_settings(EXAMPLES / name).pumps


def test_an_unreadable_file_is_an_error_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(ClusterFileError, match="begins with `cluster:`, not nothing"):
        (tmp_path / "empty.yaml").write_text("")
        load_settings(tmp_path / "empty.yaml")


ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 3000, "this is nested too deeply"),
        (ALIASES, "aliases make more than 100000 values of this file"),
        ("pumps: {a: {max_file: " + "9" * 400 + "G}}", "is no size that anything could have"),
        ("pumps: {a: {max_file: -5}}", "pumps.a.max_file: -5 is no size"),
        ("users: {a: {bandwidth: " + "9" * 400 + "G/s}}", "is no bandwidth that anything could have"),
    ],
)
def test_a_file_without_bounds_is_explained_too(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(text)
    with pytest.raises(ClusterFileError, match=said):
        load_settings(tmp_path / "cluster.yaml")
