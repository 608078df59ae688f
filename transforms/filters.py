"""Patterns on Posts, as the users of a pump write them. A noun without Beam, so that a cluster file is checked without it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

from winnowry.schemas.errors import ConfigError
from winnowry.schemas.post import Post

Verdict = Literal["accept", "reject"]
_GLOB = re.compile(r"(?P<any_folders>(?<![^/])\*\*/)|(?P<all>\*\*)|(?P<star>\*)|(?P<one>\?)|\[(?P<negate>!?)(?P<set>[^\]]+)\]")


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which Posts are selected: ``rules`` in order (the first that matches decides), then ``reject``, then ``accept``.

    A pattern is a glob on the rel_path (``**`` spans folders; a glob without a slash is matched against the file's name), or,
    behind ``re:``, a regular expression matched from the beginning of the whole URL, as sr3's are. What matches nothing is
    selected when there are no ``accept`` patterns. Raises ConfigError, naming the pattern, for one that cannot be read.
    """

    accept: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()
    rules: tuple[tuple[Verdict, str], ...] = ()

    def __post_init__(self) -> None:
        for verdict, pattern in self.in_order:
            if verdict not in ("accept", "reject"):
                raise ConfigError(f"rules: {verdict!r} is neither 'accept' nor 'reject'")
            _compile(pattern)

    @property
    def in_order(self) -> tuple[tuple[Verdict, str], ...]:
        """All patterns in the order in which they are asked."""
        rejects: list[tuple[Verdict, str]] = [("reject", pattern) for pattern in self.reject]
        accepts: list[tuple[Verdict, str]] = [("accept", pattern) for pattern in self.accept]
        return (*self.rules, *rejects, *accepts)

    def select(self, post: Post) -> bool:
        """Return whether this Post is selected."""
        questions, otherwise = _compiled(self)
        for wanted, matches in questions:
            if matches(post):
                return wanted
        return otherwise


@cache
def _compiled(filters: Filters) -> tuple[tuple[tuple[bool, Callable[[Post], bool]], ...], bool]:
    questions = tuple((verdict == "accept", _compile(pattern)) for verdict, pattern in filters.in_order)
    return questions, not any(wanted for wanted, _ in questions)


def _compile(pattern: str) -> Callable[[Post], bool]:
    text = pattern.removeprefix("re:")
    try:
        if text != pattern:
            return partial(_url_matches, re.compile(text))
        compiled = re.compile(_translate(text))
    except re.error as error:
        raise ConfigError(f"the pattern {pattern!r} cannot be read: {error}") from error
    return partial(_path_matches if "/" in text else _name_matches, compiled)


def _url_matches(pattern: re.Pattern[str], post: Post) -> bool:
    return pattern.match(f"{post.base_url.rstrip('/')}/{post.rel_path.lstrip('/')}") is not None


def _path_matches(pattern: re.Pattern[str], post: Post) -> bool:
    return pattern.fullmatch(post.rel_path) is not None


def _name_matches(pattern: re.Pattern[str], post: Post) -> bool:
    return pattern.fullmatch(post.rel_path.rpartition("/")[2]) is not None


def _translate(glob: str) -> str:
    """Return the regular expression of a glob.

    >>> _translate("**/*.bufr")
    '(?s:(?:[^/]+/)*[^/]*\\\\.bufr)'
    """
    if not glob:
        raise ConfigError("the pattern '' matches nothing; leave it out")
    parts, last = [], 0
    for found in _GLOB.finditer(glob):
        parts += [re.escape(glob[last : found.start()]), _wildcard(found)]
        last = found.end()
    return f"(?s:{''.join(parts)}{re.escape(glob[last:])})"


def _wildcard(found: re.Match[str]) -> str:
    if found["set"]:
        escaped = found["set"].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
        return f"(?!/)[{'^' if found['negate'] else ''}{escaped}]"
    return {"any_folders": "(?:[^/]+/)*", "all": ".*", "star": "[^/]*", "one": "[^/]"}[str(found.lastgroup)]
