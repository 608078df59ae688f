from io import StringIO
from pathlib import Path

from rich.console import Console

from winnowry.runners.demo.compare import survey
from winnowry.runners.demo.rehearsal import rehearse


def test_the_pumps_move_a_tree_on_the_broker_in_memory(tmp_path: Path) -> None:
    said = StringIO()
    wrong = rehearse(tmp_path, files=60, largest=100_000, console=Console(file=said))
    assert wrong == []
    tree = survey(tmp_path / "alice")
    assert survey(tmp_path / "carol") == tree
    assert survey(tmp_path / "dave") == tree
    assert f"alice announced {len(tree)}" in said.getvalue()
    assert f"{2 * len(tree)} delivered" in said.getvalue()


def test_a_flipped_byte_is_noticed_without_servers_too(tmp_path: Path) -> None:
    wrong = rehearse(tmp_path, files=20, largest=10_000, console=Console(file=StringIO()), damage=True)
    assert len(wrong) == 1
    assert wrong[0].startswith("carol: ")
    assert "differs in content" in wrong[0]
