"""What happens to the cluster of the soak, and when: kills and restarts in an order that the seed decides."""

from dataclasses import dataclass
from random import Random

KILLS = ("ingest/1", "ingest/2", "fuse/1", "supervisor", "everything", "carol", "dave")
"""Who is killed by signal 9: pumps, the supervisor alone, the supervisor with all its pumps, consumers."""
RESTARTS = ("broker killed", "broker stopped")


@dataclass(frozen=True, order=True)
class Blow:
    """Something that happens ``at`` so many seconds from the beginning; a broker is away for ``pause`` seconds besides."""

    at: float
    what: str
    pause: float = 0.0


def blows(seed: int, seconds: float, kills: int, restarts: int) -> list[Blow]:
    """Return so many kills and restarts, spread over this time; every kind of both comes round before any comes again."""
    random = Random(seed)
    happening = [Blow(at, what) for at, what in zip(_times(random, seconds, kills), _turns(random, KILLS, kills), strict=True)]
    for at, what in zip(_times(random, seconds, restarts), _turns(random, RESTARTS, restarts), strict=True):
        happening.append(Blow(at, what, random.uniform(0.0, 3.0)))
    return sorted(happening)


def _times(random: Random, seconds: float, count: int) -> list[float]:
    span = seconds * 0.9 / count
    return [seconds * 0.05 + span * (number + random.random() * 0.9) for number in range(count)]


def _turns(random: Random, kinds: tuple[str, ...], count: int) -> list[str]:
    turns: list[str] = []
    while len(turns) < count:
        turns += random.sample(kinds, len(kinds))
    return turns[:count]
