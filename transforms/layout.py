"""Where files land under the data root. A noun without Beam, so that a cluster file is checked without it."""

import string
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from winnowry.schemas.errors import ConfigError, Refused
from winnowry.schemas.paths import check_path
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.times import read_time

FIELDS = ("cluster", "date", "name", "rel_path", "source")
"""What a layout's template may name."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where files land, relative to the data root.

    ``template`` may hold ``{rel_path}``, ``{name}`` (its last component), ``{source}``, ``{cluster}`` (where it was first
    announced) and ``{date:%Y%m%d}`` (of the pub_time, UTC). ``strip`` leading folders are taken off the rel_path first;
    ``flatten``, when not empty, then replaces its slashes. Raises ConfigError for anything else.

    >>> Layout(template="{date:%Y%m%d}/{source}/{rel_path}").separates_sources
    True
    """

    template: str = "{rel_path}"
    strip: int = 0
    flatten: str = ""

    def __post_init__(self) -> None:
        self._check_fields()
        if self.strip < 0:
            raise ConfigError(f"strip: {self.strip} is below 0")
        if "/" in self.flatten:
            raise ConfigError(f"flatten: {self.flatten!r} may not hold a slash")
        sample = {"rel_path": "r", "name": "n", "source": "s", "cluster": "c", "date": datetime(2026, 1, 1, tzinfo=UTC)}
        try:
            check_path(self.template.format(**sample))
        except (Refused, ValueError) as error:
            raise ConfigError(f"layout: {self.template!r} gives no path: {error}") from error

    def _check_fields(self) -> None:
        for name, style in self._parsed:
            if name not in FIELDS:
                raise ConfigError(f"layout: {{{name}}} in {self.template!r} is none of {', '.join(FIELDS)}")
            if bool(style) != (name == "date") or "{" in style:
                raise ConfigError(f"layout: write {_WRITTEN[name]} in {self.template!r}")
        if not {"rel_path", "name"} & set(self.fields):
            raise ConfigError(f"layout: {self.template!r} names neither {{rel_path}} nor {{name}}: all files would be one")

    @property
    def _parsed(self) -> list[tuple[str, str]]:
        try:
            parsed = list(string.Formatter().parse(self.template))
        except ValueError as error:
            raise ConfigError(f"layout: {self.template!r} cannot be read: {error}") from error
        return [(f"{name}!{cast}" if cast else name, style or "") for _, name, style, cast in parsed if name is not None]

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that the template names."""
        return frozenset(name for name, _ in self._parsed)

    @property
    def separates_sources(self) -> bool:
        """Whether two sources can never write the same file."""
        return "source" in self.fields

    def place(self, post: Post) -> str:
        """Return where the Post's file lands. Raises Refused where that is no usable path below the root."""
        shaped = self.shaped(post)
        if self.template == "{rel_path}":
            return check_path(shaped)
        known: dict[str, object] = {"rel_path": shaped, "name": shaped.rpartition("/")[2]}
        if "source" in self.fields:
            known["source"] = _named("source", post.source)
        if "cluster" in self.fields:
            known["cluster"] = _named("cluster", post.from_cluster)
        if "date" in self.fields:
            known["date"] = _date_of(post)
        return check_path(self.template.format(**known))

    def shaped(self, post: Post) -> str:
        """Return the path that fills the template: what is around it, such as a source, the announcer has no say in."""
        return _renamed(post) if post.rename else self._shaped(post.rel_path)

    def _shaped(self, path: str) -> str:
        if self.strip:
            components = path.split("/")
            path = "/".join(components[min(self.strip, len(components) - 1) :])
        return path.replace("/", self.flatten) if self.flatten else path


_WRITTEN = {name: "{date:%Y%m%d}, or another format of strftime" if name == "date" else f"{{{name}}}" for name in FIELDS}


def _named(what: str, name: str | None) -> str:
    if not name:
        raise Refused(Reason.PATH_UNUSABLE, f"the layout needs a {what}, and the Post names none")
    if "/" in name:
        raise Refused(Reason.PATH_UNUSABLE, f"the {what} {name!r} is no name of a folder")
    return check_path(name)


def _date_of(post: Post) -> datetime:
    try:
        return datetime.fromtimestamp(read_time(post.pub_time) // 1_000_000_000, UTC)
    except ValueError as error:  # the last second of the year 9999 may be a leap second
        raise Refused(Reason.PATH_UNUSABLE, f"the layout needs a date: {error}") from error


def _renamed(post: Post) -> str:
    renamed = post.rename or ""
    if renamed.endswith("/"):
        renamed += post.rel_path.rpartition("/")[2]
    return check_path(renamed, Reason.RENAME_OUTSIDE_ROOT)
