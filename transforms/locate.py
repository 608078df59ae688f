"""Decide where a file lands under the data root."""

import string
from dataclasses import dataclass

from winnowry.schemas.errors import ConfigError

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
        for name in self.fields:
            if name not in FIELDS:
                raise ConfigError(f"layout: {{{name}}} in {self.template!r} is none of {', '.join(FIELDS)}")
        if not {"rel_path", "name"} & set(self.fields):
            raise ConfigError(f"layout: {self.template!r} names neither {{rel_path}} nor {{name}}: all files would be one")
        if self.strip < 0:
            raise ConfigError(f"strip: {self.strip} is below 0")
        if "/" in self.flatten:
            raise ConfigError(f"flatten: {self.flatten!r} may not hold a slash")

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the template names, in order."""
        try:
            return tuple(name for _, name, _, _ in string.Formatter().parse(self.template) if name is not None)
        except ValueError as error:
            raise ConfigError(f"layout: {self.template!r} cannot be read: {error}") from error

    @property
    def separates_sources(self) -> bool:
        """Whether two sources can never write the same file."""
        return "source" in self.fields
