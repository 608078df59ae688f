"""What modules the rooms hold, by their names under ``winnowry``."""

from importlib import import_module
from pathlib import Path

ROOMS = ("schemas", "transforms", "io", "pipelines", "runners")


def modules(*rooms: str) -> list[str]:
    """Return the full names of all modules in these rooms, sub-packages included."""
    return sorted(name for room in rooms for name in _modules_of(room))


def _modules_of(room: str) -> set[str]:
    folder = Path(next(iter(import_module(f"winnowry.{room}").__path__)))
    files = (path.relative_to(folder).with_suffix("") for path in folder.rglob("*.py"))
    return {".".join(("winnowry", room, *file.parts)).removesuffix(".__init__") for file in files}
