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
