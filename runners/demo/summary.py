"""What a run of the demonstration amounted to, from what the broker kept and the kernel told."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.table import Table

from winnowry.runners.demo.compare import Tree
from winnowry.runners.demo.network import CONSUMERS, SOURCES
from winnowry.runners.demo.taps import Sighting

LATER = "later"
"""The folder whose files are announced when all is calm."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was announced, by exchange; when each path arrived, by consumer; and the tree that was announced."""

    announced: Mapping[str, Sequence[Sighting]]
    arrived: Mapping[str, Mapping[str, float]]
    tree: Tree


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The figures. Sizes are in bytes, times in seconds; ``delays`` are sorted and hold one per path and consumer."""

    announced: Mapping[str, str]
    fetched: int
    fetched_size: int
    repeats: int
    won: Mapping[str, int]
    delivered: Mapping[str, int]
    size: int
    seconds: float
    delays: Sequence[float]
    calm_delays: Sequence[float]

    @property
    def rate(self) -> float:
        """Files and links delivered a second, to all consumers together."""
        return len(self.delays) / self.seconds if self.seconds else 0.0


def quantile(delays: Sequence[float], share: float) -> float:
    """Return the one of the sorted ``delays`` that ``share`` of them stay within; 0 when there are none.

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5), quantile([], 0.5)
    (3.0, 0.0)
    """
    return delays[min(len(delays) - 1, int(share * len(delays)))] if delays else 0.0


def summarise(evidence: Evidence) -> Summary:
    """Count and measure what happened."""
    first = _first_announced(evidence)
    known = [(path, when) for arrived in evidence.arrived.values() for path, when in arrived.items() if path in first]
    at_once = [(path, when) for path, when in known if not _is_later(path)]
    began = min((first[path] for path, _ in at_once), default=0.0)
    once = {sighting.path: sighting for sighting in evidence.announced["xpublic"]}
    fetched = [sighting for sighting in evidence.announced["xwinnow"] if sighting.kind == "file"]
    return Summary(
        announced={source: _kinds(evidence.announced[f"xs_{source}"]) for source in SOURCES},
        fetched=len(fetched),
        fetched_size=sum(sighting.size for sighting in fetched),
        repeats=len(evidence.announced["xwinnow"]) - len(evidence.announced["xpublic"]),
        won=Counter(sighting.source for sighting in once.values() if sighting.kind == "file"),
        delivered={consumer: len(evidence.arrived[consumer].keys() & evidence.tree.keys()) for consumer in CONSUMERS},
        size=sum(entry.size for entry in evidence.tree.values()),
        seconds=max((when for _, when in at_once), default=0.0) - began,
        delays=sorted(when - first[path] for path, when in at_once),
        calm_delays=sorted(when - first[path] for path, when in known if _is_later(path)),
    )


def render(summary: Summary, console: Console) -> None:
    """Print the figures."""
    table = Table(box=None, show_header=False, padding=(0, 2))
    for source, kinds in summary.announced.items():
        table.add_row(f"{source} announced", kinds)
    table.add_row("fetched and verified", f"{summary.fetched:,} files, {summary.fetched_size / 1e6:,.1f} MB")
    table.add_row("repeats winnowed", f"{summary.repeats:,}")
    for source in SOURCES:
        table.add_row(f"{source} was first with", f"{summary.won.get(source, 0):,} files")
    for consumer, count in summary.delivered.items():
        table.add_row(f"delivered to {consumer}", f"{count:,} files and links, {summary.size / 1e6:,.1f} MB")
    table.add_row("trees at once, in all", f"{summary.seconds:.1f} s, {summary.rate:,.0f} deliveries/s")
    table.add_row("… announced → delivered", _delays(summary.delays))
    table.add_row("100 files, when calm", _delays(summary.calm_delays))
    console.print(table)


def _delays(delays: Sequence[float]) -> str:
    half, most = quantile(delays, 0.5), quantile(delays, 0.99)
    return f"p50 {half:,.2f} s, p99 {most:,.2f} s"


def _is_later(path: str) -> bool:
    return path.startswith(f"{LATER}/")


def unix_time(stamp: str) -> float:
    """Read a time stamp of v03.

    >>> unix_time("20231114T221320.25")
    1700000000.25
    """
    whole = datetime.strptime(stamp[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).timestamp()
    return whole + float("0" + stamp[15:])


def _first_announced(evidence: Evidence) -> dict[str, float]:
    first: dict[str, float] = {}
    for source in SOURCES:
        for sighting in evidence.announced[f"xs_{source}"]:
            when = unix_time(sighting.pub_time)
            first[sighting.path] = min(first.get(sighting.path, when), when)
    return first


def _kinds(sightings: Sequence[Sighting]) -> str:
    counts = Counter(sighting.kind for sighting in sightings)
    kinds = [kind for kind in ("file", "link", "folder") if counts[kind]]
    return ", ".join(f"{counts[kind]:,} {kind}{'s' if counts[kind] > 1 else ''}" for kind in kinds)
