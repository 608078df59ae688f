import os
from pathlib import Path

from winnowry.runners.demo.compare import survey
from winnowry.runners.demo.tree import ODD_NAMES, plant


def test_the_same_seed_makes_the_same_tree_and_another_makes_another(tmp_path: Path) -> None:
    plant(tmp_path / "a", seed=7, files=120)
    plant(tmp_path / "b", seed=7, files=120)
    plant(tmp_path / "c", seed=8, files=120)
    assert survey(tmp_path / "a") == survey(tmp_path / "b")
    assert survey(tmp_path / "a") != survey(tmp_path / "c")


def test_a_tree_holds_what_real_trees_hold(tmp_path: Path) -> None:
    plant(tmp_path, files=200, largest=300_000)
    tree = survey(tmp_path)
    files = {path: entry for path, entry in tree.items() if entry.kind == "file"}
    assert len(files) == 200
    assert {0, 1, 300_000} <= {entry.size for entry in files.values()}
    assert len({entry.digest for entry in files.values() if entry.size}) < sum(1 for entry in files.values() if entry.size)
    assert {0o644, 0o600, 0o755, 0o444} <= {entry.mode for entry in files.values()}
    assert any(entry.mtime_ns % 1000 for entry in files.values())
    assert set(ODD_NAMES) <= {part for path in tree for part in path.split("/")}
    assert any(not os.listdir(tmp_path / path) for path, entry in tree.items() if entry.kind == "folder")
    assert max(len(path.encode()) for path in tree) > 255
    assert max(len(os.path.basename(path).encode()) for path in tree) > 240


def test_every_link_stays_within_the_tree(tmp_path: Path) -> None:
    plant(tmp_path, files=200)
    links = [path for path, entry in survey(tmp_path).items() if entry.kind == "link"]
    assert len(links) > 50
    assert all((tmp_path / path).resolve().is_relative_to(tmp_path.resolve()) for path in links)
