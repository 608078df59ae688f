"""What the model says of a cluster file, put into words for the person who wrote it."""

from typing import Any, get_args

from pydantic_core import ErrorDetails

from winnowry.runners.cluster.document import Document, Path, dotted
from winnowry.runners.cluster.engine import Engine
from winnowry.runners.cluster.problem import Problem, nearest
from winnowry.runners.cluster.section import Section
from winnowry.runners.cluster.settings import ClusterSettings, Origin, PumpSettings, Target, User, known_keys

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "`true` or `false`",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "path_type": "a path",
}


def complain(document: Document, error: ErrorDetails) -> Problem:
    """Return the problem that one error of the model stands for, with its place in the document."""
    path = tuple(step for step in error["loc"] if step != "[key]")
    of_key = error["type"] in ("extra_forbidden", "missing", "string_pattern_mismatch") and path == error["loc"][:-1]
    of_value = not of_key and error["type"] not in ("extra_forbidden", "missing")
    return Problem(
        place=document.place(path, of_value=of_value), key=_key(document.known(path), path, error), text=_text(path, error)
    )


def _key(known: Path, path: Path, error: ErrorDetails) -> str:
    return dotted(path[:-1] if error["type"] in ("missing", "extra_forbidden") else known)


def _text(path: Path, error: ErrorDetails) -> str:
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key `{path[-1]}`; {nearest(str(path[-1]), known_keys(section_at(path[:-1])))}"
    if kind == "literal_error":
        return _choice(path, given)
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, not {shown(given)}"
    if kind in _SAID:
        return _SAID[kind].format(given=shown(given), last=path[-1], dots=_dots(context), **context)
    return f"{error['msg']}, not {shown(given)}"


_SAID = {
    "missing": "the key `{last}` is missing",
    "value_error": "{error}",
    "string_pattern_mismatch": "{given} is no name here; begin with a letter or digit, then letters, digits, `_`, `-`{dots}",
    "greater_than_equal": "{given} is below {ge}, the least that makes sense",
    "less_than_equal": "{given} is above {le}, the most that makes sense",
    "too_short": "expected at least one entry",
}


def _dots(context: dict[str, Any]) -> str:
    return ", `.`" if "." in context.get("pattern", "") else ""


def _choice(path: Path, given: object) -> str:
    choices = [str(choice) for choice in get_args(_annotation(path))]
    hint = nearest(given, choices) if isinstance(given, str) else ""
    said = f"; {hint}" if hint.startswith("did you mean") else ""
    return f"{shown(given)} is none of {', '.join(choices)}{said}"


def _annotation(path: Path) -> Any:
    fields = section_at(path[:-1]).model_fields
    return next(field.annotation for name, field in fields.items() if (field.alias or name) == path[-1])


def section_at(path: Path) -> type[Section]:
    """Return the kind of mapping that stands at ``path``.

    >>> section_at(("pumps", "ingest", "from")).__name__
    'Origin'
    """
    inner: dict[str, type[Section]] = {"from": Origin, "to": Target}
    if len(path) == 3 and path[0] == "pumps":
        return inner.get(str(path[2]), PumpSettings)
    if len(path) == 2:
        return User if path[0] == "users" else PumpSettings
    return Engine if path == ("engine",) else ClusterSettings


def shown(value: object) -> str:
    """Return a value as the file has it, short.

    >>> shown("two"), shown(True), shown({"a": 1})
    ("'two'", 'true', 'a mapping')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
