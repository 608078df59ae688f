"""A pool of transfers into a folder of a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from winnowry.io.files import Files
from winnowry.io.incoming import Request
from winnowry.io.job import Result
from winnowry.io.transfers import Transfers

KEY = b"key of a transfer"


@contextmanager
def pool_into(root: Path, **settings: Any) -> Iterator[Transfers]:
    root.mkdir(exist_ok=True)
    transfers = Transfers(Files(root=root, **settings))
    try:
        yield transfers
    finally:
        transfers.close()


def bring(transfers: Transfers, url: str, place: str = "a/b", key: bytes = KEY, **wanted: Any) -> Result | None:
    """Return what came of one file, waiting for it."""
    transfers.start(key, Request(url=url, place=place, **wanted))
    transfers.wait([key], 30)
    return transfers.take(key)


def files_in(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())
