"""What changes the data root names a directory by its descriptor, and a path within it by one name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FILES = sorted(path for room in ("io", "transforms", "pipelines") for path in (REPOSITORY / room).rglob("*.py"))
ELSEWHERE = ("io/memory/", "io/later_store.py", "io/crashes.py", "io/amqp/")
"""What keeps to the state folder, whose names nobody announces."""
CHANGING = {"open", "rename", "replace", "renames", "unlink", "remove", "rmdir", "removedirs", "mkdir", "makedirs", "mkfifo"}
CHANGING |= {"link", "symlink", "truncate", "chmod", "chown", "lchown", "mknod", "setxattr"}
BY_PATH = {"symlink_to", "hardlink_to", "write_text", "write_bytes", "touch", "rmtree", "move", "copyfile", "copytree"}
LOOKING = {"io/examine.py", "io/walk.py"}
"""What reads folders of our own, to announce what is there."""


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yield calls that change, or open, what is on a disk, by the name of the function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_system = isinstance(node.func.value, ast.Name) and node.func.value.id == "os"
            if (of_system and node.func.attr in CHANGING) or node.func.attr in BY_PATH:
                yield node.func.attr, node


def relative(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("path", [path for path in FILES if not relative(path).startswith(ELSEWHERE)], ids=relative)
def test_only_the_tree_opens_or_changes_anything_and_it_does_so_by_descriptors(path: Path) -> None:
    found = [(name, {keyword.arg for keyword in call.keywords}, ast.unparse(call.args[0])) for name, call in calls(path)]
    if relative(path) in LOOKING:
        assert {name for name, _, _ in found} <= {"open"}
    elif relative(path) == "io/tree.py":
        by_path = [(name, where) for name, said, where in found if not said & {"dir_fd", "src_dir_fd"}]
        assert by_path == [("open", "self.root")]
        assert len(found) > 5
    else:
        assert found == []
