"""Write the reference pages from the code: `python docs/generate.py`; with `--check`, only say whether they are up to date."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import typer
from pydantic.fields import FieldInfo

from winnowry.runners.cli.app import EXIT_CODES, app
from winnowry.runners.cluster.engine import Engine
from winnowry.runners.cluster.section import Section
from winnowry.runners.cluster.settings import (
    KEYS_OF_KIND,
    ClusterSettings,
    Origin,
    PumpSettings,
    Target,
    User,
    known_keys,
)

REFERENCE = Path(__file__).parent / "reference"
EXAMPLES = Path(__file__).parents[1] / "examples"
GENERATED = "<!-- Made by docs/generate.py; do not edit. -->"
SECTIONS: tuple[tuple[str, type[Section]], ...] = (
    ("The file", ClusterSettings),
    ("A user: `users.<name>`", User),
    ("A pump: `pumps.<name>`", PumpSettings),
    ("Where announcements come from: `pumps.<name>.from`", Origin),
    ("Where they go: `pumps.<name>.to`", Target),
    ("The engine: `engine`", Engine),
)
UNITS = """\
Sizes are whole numbers of bytes or a number with `K M G T P` (thousands) or `Ki Mi Gi Ti Pi` (1024s). Durations always have a
unit: `ms s m h d w`. Bandwidths are sizes a second: `100M/s`. Names of users and pumps are letters, digits, `_` and `-`.

Passwords are never written here. They come from the credentials file, one URL with its password a line (sr3's
`credentials.conf` is read), or from the environment: `WINNOWRY_PASSWORD_<USER>`.
"""


def cluster_file() -> str:
    """Return the page on the cluster file."""
    parts = [
        GENERATED,
        "# The cluster file",
        "Check a file with `winnowry check FILE`; have its JSON Schema with `winnowry schemas export`.",
    ]
    parts += ["```yaml\n" + (EXAMPLES / "two-sources.yaml").read_text() + "```", UNITS.rstrip()]
    for title, section in SECTIONS:
        parts += [f"## {title}", _summary(section), "\n".join(_rows(section))]
    parts += ["## Which kind of pump knows which key", "\n".join(_kinds())]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(section: type[Section]) -> str:
    return " ".join((section.__doc__ or "").split())


def _rows(section: type[Section]) -> Iterator[str]:
    yield "| key | meaning | without it |"
    yield "|---|---|---|"
    for key, field in zip(known_keys(section), section.model_fields.values(), strict=True):
        yield f"| `{key}` | {field.description} | {_default(field)} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "an error"
    value = field.default
    if value in (None, (), "", {}) or isinstance(value, Section):
        return ""
    return f"`{_written(value)}`"


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_written(item) for item in value)}]"
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        unit, length = next(
            (unit, length) for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)) if seconds % length == 0
        )
        return f"{seconds // length}{unit}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kinds() -> Iterator[str]:
    yield f"| key | {' | '.join(KEYS_OF_KIND)} |"
    yield "|---|" + "---|" * len(KEYS_OF_KIND)
    for key in known_keys(PumpSettings):
        yield f"| `{key}` | {' | '.join('yes' if key in keys else '' for keys in KEYS_OF_KIND.values())} |"


def command_line() -> str:
    """Return the page on the command line."""
    parts = [GENERATED, "# The command line", "`winnowry --install-completion` sets up completion for your shell."]
    parts += [
        "## Exit codes",
        "| code | meaning |\n|---|---|\n" + "\n".join(f"| {code} | {text} |" for code, text in EXIT_CODES.items()),
    ]
    parts += _commands("winnowry", typer.main.get_command(app))
    return "\n\n".join(parts) + "\n"


def _commands(name: str, command: Any) -> Iterator[str]:
    inner = getattr(command, "commands", {})
    for verb, below in inner.items():
        yield from _commands(f"{name} {verb}", below)
    if inner:
        return
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    words = [parameter.metavar or parameter.name.upper() for parameter in arguments]
    yield f"## `{' '.join([name, *words])}`"
    yield "\n\n".join(" ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n"))
    rows = [_parameter(parameter) for parameter in command.params if parameter.name != "help"]
    if rows:
        yield "\n".join(["| | meaning | without it |", "|---|---|---|", *rows])


def _parameter(parameter: Any) -> str:
    shown = parameter.metavar or parameter.name.upper()
    if parameter.param_type_name == "option":
        shown = f"{parameter.opts[0]} {parameter.metavar or ''}".strip()
    default = "an error" if parameter.required else _shown_default(parameter.default)
    return f"| `{shown}` | {' '.join((parameter.help or '').split())} | {default} |"


def _shown_default(value: object) -> str:
    return "" if value is None or value is False or value == Path() else f"`{value}`"


def main() -> int:
    """Write the pages, or with ``--check`` return 1 when one is not what the code says."""
    REFERENCE.mkdir(exist_ok=True)
    stale = 0
    for name, page in (("cluster-file.md", cluster_file()), ("command-line.md", command_line())):
        path = REFERENCE / name
        if "--check" not in sys.argv:
            path.write_text(page)
        elif not path.exists() or path.read_text() != page:
            print(f"{path} is not what the code says; run python docs/generate.py")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
