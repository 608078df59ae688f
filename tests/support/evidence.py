"""What a long suite has shown: a file that a machine reads and a page that a person reads, both below ``docs/evidence``."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "docs" / "evidence"
CODE = ("--", ".", ":!docs")
"""What of a repository decides how a suite ends."""

_RABBITMQ = Path("/usr/lib/rabbitmq/lib")


def now() -> str:
    """Return the present time, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def circumstances(repository: Path = REPOSITORY) -> dict[str, Any]:
    """Return under which circumstances something is shown: commit, whether files differ from it, versions, processors, time."""
    return {
        "commit": _git(repository, "rev-parse", "HEAD").strip(),
        "dirty": bool(_git(repository, "status", "--porcelain", *CODE)),
        "python": platform.python_version(),
        "rabbitmq": _rabbitmq(),
        "processors": os.cpu_count(),
        "begun": now(),
    }


def same_code(recorded: Mapping[str, Any], present: Mapping[str, Any], repository: Path = REPOSITORY) -> bool:
    """Whether both circumstances are of the same code: only pages changed between their commits, and neither is dirty."""
    if recorded.get("dirty") or present["dirty"]:
        return False
    done = subprocess.run(
        ["git", "diff", "--quiet", str(recorded.get("commit")), present["commit"], *CODE],
        cwd=repository,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def read(file: Path) -> dict[str, Any]:
    """Return what is recorded in a file; nothing where there is none, or where it is cut off."""
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(file: Path, evidence: Mapping[str, Any], page: str) -> None:
    """Write the evidence, and the page beside it; whoever reads meanwhile sees the old one or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    for path, text in ((file, json.dumps(evidence, indent=1, ensure_ascii=False) + "\n"), (file.with_suffix(".md"), page)):
        unfinished = path.with_name(f"{path.name}.new")
        unfinished.write_text(text)
        unfinished.replace(path)


def heading(title: str, evidence: Mapping[str, Any]) -> list[str]:
    """Return the first lines of a page: what was run, and under which circumstances."""
    return [f"# {title}", "", *origin(evidence)]


def origin(evidence: Mapping[str, Any]) -> list[str]:
    """Return the circumstances as lines of a list."""
    dirty = ", with files that differ from it: this shows nothing about the commit" if evidence["dirty"] else ""
    return [
        f"- Commit {evidence['commit']}{dirty}",
        f"- Begun {evidence['begun']}",
        f"- Python {evidence['python']}, RabbitMQ {evidence['rabbitmq']}, {evidence['processors']} processors",
    ]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return the lines of a table."""
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *cells)]


def _rabbitmq() -> str:
    """Return the version of the packaged broker, which is not run where another is named."""
    if os.environ.get("WINNOWRY_BROKER_URL"):
        return "of WINNOWRY_BROKER_URL"
    versions = sorted(path.name.removeprefix("rabbitmq_server-") for path in _RABBITMQ.glob("rabbitmq_server-*"))
    return versions[-1] if versions else "none"


def _git(repository: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=repository, check=True, capture_output=True, text=True).stdout
