"""Measure what passes: each Post and each Report is counted, with the bytes it tells of and how late it comes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.pvalue import PCollection

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.block import read_block
from winnowry.schemas.errors import Malformed
from winnowry.schemas.outcome import Ending, Outcome, end
from winnowry.schemas.post import Post
from winnowry.schemas.rate import Dimension, Sums
from winnowry.schemas.reasons import Reason
from winnowry.schemas.times import read_time
from winnowry.transforms.branch import finish

KEY_LIMIT = 100
"""Characters of a source's or consumer's name that are told."""

Whose = tuple[Dimension, str]


def meter(arrival: Arrival) -> Outcome:
    """Return the Outcome `delivered`: the engine counts the Arrival before it settles it."""
    return end(arrival, Ending.DELIVERED, Reason.DONE)


@dataclass(kw_only=True)
class Meter(beam.PTransform):
    """Apply ``meter`` to Arrivals.

    >>> Meter().default_label()
    'Meter'
    """

    def expand(self, arrivals: PCollection) -> PCollection:
        """Return Outcomes."""
        return finish(arrivals, meter)


def measure(arrival: Arrival, now: int) -> Sums:
    """Return what one Arrival adds to the sums of whom it concerns; ``now`` is in Unix nanoseconds.

    A Post is good; a Report is where its code says that it went well (2xx and 3xx, as sr3 has them).
    """
    post, report = arrival.post, arrival.report
    size, lag = _size_of(post), max(0, now - read_time(post.pub_time)) // 1000
    if report is None or 200 <= report.code < 400:
        return Sums(good=1, good_bytes=size, lag_sum=lag, lag_max=lag)
    return Sums(bad=1, bad_bytes=size, lag_sum=lag, lag_max=lag)


def concerned(arrival: Arrival) -> Iterator[Whose]:
    """Yield whose sums an Arrival counts in: everybody's, its source's, and its consumer's where it is a Report."""
    yield "all", ""
    if arrival.post.source:
        yield "source", _name(arrival.post.source)
    if arrival.report is not None and arrival.report.user:
        yield "consumer", _name(arrival.report.user)


def add_up(arrivals: Iterable[Arrival], now: int) -> dict[Whose, Sums]:
    """Return the sums of all these Arrivals."""
    sums: dict[Whose, Sums] = {}
    for arrival in arrivals:
        found = measure(arrival, now)
        for whose in concerned(arrival):
            before = sums.get(whose)
            sums[whose] = found if before is None else before + found
    return sums


def _size_of(post: Post) -> int:
    try:
        block = read_block(post)
    except Malformed:  # what can be counted is counted
        block = None
    return block.size if block is not None else post.size or 0


def _name(text: str) -> str:
    return text[:KEY_LIMIT].encode(errors="replace").decode()
