"""What a pump is willing to take. A noun without Beam, so that a cluster file is checked without it."""

from dataclasses import dataclass
from datetime import timedelta

from winnowry.schemas.errors import ConfigError

SCHEMES = frozenset({"http", "https", "sftp", "file"})
"""The schemes that files can be fetched by."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a pump is willing to take.

    ``max_file`` is in bytes, None for any; ``max_age`` and ``max_future`` compare the pub_time with now, None for any;
    ``schemes`` are those of the base_url; ``file:`` is taken below the absolute folders ``file_roots`` alone, so that nobody
    reads this machine's other files through us. Raises ConfigError for a setting that cannot be meant.
    """

    max_file: int | None = None
    max_age: timedelta | None = None
    max_future: timedelta | None = timedelta(hours=1)
    schemes: frozenset[str] = SCHEMES
    file_roots: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.max_file is not None and self.max_file < 0:
            raise ConfigError(f"max_file: {self.max_file} is below 0")
        if unknown := self.schemes - SCHEMES:
            raise ConfigError(f"schemes: {', '.join(sorted(unknown))}: choose from {', '.join(sorted(SCHEMES))}")
        for root in self.file_roots:
            if not root.startswith("/") or ".." in root.split("/"):
                raise ConfigError(f"file_roots: {root!r} is not an absolute path without '..'")
