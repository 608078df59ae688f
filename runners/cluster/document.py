"""A YAML document and where in it each key and value stands."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from winnowry.runners.cluster.problem import Place, Problem

Path = tuple[str | int, ...]

MOST_VALUES = 100_000
"""Values of a document, those behind aliases counted each time: a few lines of aliases can stand for more than any memory."""

_SCALARS: dict[str, Callable[[str], Any]] = {
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:null": lambda text: None,
}


@dataclass
class Document:
    """Plain data, with the place of each key (``keys``) and value (``values``) by path, and what is wrong already."""

    data: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path, *, of_value: bool = False) -> Place:
        """Return where ``path`` stands, or its nearest ancestor that stands anywhere."""
        first, second = (self.values, self.keys) if of_value else (self.keys, self.values)
        for end in range(len(path), 0, -1):
            found = first.get(path[:end]) or second.get(path[:end])
            if found is not None:
                return found
        return Place(1, 1)

    def known(self, path: Path) -> Path:
        """Return ``path`` up to where the document has it: a short form has no steps of the long one."""
        while path and self.values and path not in self.values:
            path = path[:-1]
        return path


def parse_document(text: str) -> Document:
    """Read YAML 1.2. What cannot be read is told in ``problems``, with the place; nothing is raised."""
    document = Document()
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        place = Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)
        document.problems.append(Problem(place=place, key="", text=f"this is not YAML: {error.problem}"))
    except YAMLError as error:
        document.problems.append(Problem(place=Place(1, 1), key="", text=f"this is not YAML: {error}"))
    except RecursionError:
        document.problems.append(Problem(place=Place(1, 1), key="", text="this is nested too deeply"))
    else:
        document.data = _Reader(document).read(root, ()) if root is not None else None
    return document


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.open: list[Node] = []

    def read(self, node: Node, path: Path) -> Any:
        if len(self.document.values) >= MOST_VALUES:
            return self._complain_once(node, path, f"aliases make more than {MOST_VALUES} values of this file")
        self.document.values[path] = _place(node)
        if any(node is outer for outer in self.open):
            return self._complain(node, path, "this alias contains itself")
        self.open.append(node)
        try:
            return self._read_inner(node, path)
        finally:
            self.open.pop()

    def _read_inner(self, node: Node, path: Path) -> Any:
        if isinstance(node, MappingNode):
            return self._read_mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.read(item, (*path, number)) for number, item in enumerate(node.value)]
        return _scalar(node)

    def _read_mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            inner = (*path, key)
            if key in mapping:
                line = self.document.keys[inner].line
                self._complain(key_node, inner, f"this key is here twice; the first is in line {line}")
                continue
            self.document.keys[inner] = _place(key_node)
            mapping[key] = self.read(value_node, inner)
        return mapping

    def _complain_once(self, node: Node, path: Path, text: str) -> None:
        if not any(problem.text == text for problem in self.document.problems):
            self._complain(node, path, text)

    def _complain(self, node: Node, path: Path, text: str) -> None:
        self.document.problems.append(Problem(place=_place(node), key=dotted(path), text=text))


def _scalar(node: Node) -> Any:
    text = str(node.value)
    try:
        return _SCALARS.get(str(node.tag), str)(text)
    except ValueError:
        return text


def _place(node: Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def dotted(path: Path) -> str:
    """Return a path as people write it.

    >>> dotted(("pumps", "ingest", "accept", 0))
    'pumps.ingest.accept[0]'
    """
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")
