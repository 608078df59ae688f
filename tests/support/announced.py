"""Announcements without end, as benchmarks need them."""

import time
from collections.abc import Iterator, Sequence
from itertools import count

from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.post import Post
from winnowry.schemas.times import write_time


def announcements(sources: Sequence[str], first: int = 0) -> Iterator[Post]:
    """Yield Posts for ever, of files numbered from ``first``; each is announced by all sources, one after the other."""
    began = time.time_ns()
    for number in count(first):
        content = Fingerprint(method="md5", value=f"{number:022d}==")
        for source in sources:
            yield Post(
                pub_time=write_time(began + number * 1000),
                base_url="https://files.example.org/",
                rel_path=f"20260101/observations/{number % 50}/file{number}.bufr",
                size=1000,
                source=source,
                from_cluster="ddi.example.org",
                to_clusters="ddi.example.org",
                fingerprint=content,
            )
