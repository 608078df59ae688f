"""How often and after which waits something is tried. A noun without Beam, so that a cluster file is checked without it."""

from dataclasses import dataclass

from winnowry.schemas.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often and after which waits an Arrival is tried.

    ``attempts`` counts the first one; ``delays`` are the seconds before the second, third… attempt, the last repeating.
    Raises ConfigError for fewer than one attempt or a negative wait.
    """

    attempts: int = 10
    delays: tuple[float, ...] = (1.0, 10.0, 60.0, 600.0)

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ConfigError(f"attempts: {self.attempts} is below 1")
        if not self.delays or min(self.delays) < 0:
            raise ConfigError(f"delays: {self.delays!r} must be one or more numbers of seconds, none below 0")

    def delay(self, attempt: int) -> float:
        """Return the seconds to wait after this attempt, counted from 1."""
        return self.delays[min(attempt, len(self.delays)) - 1]
