"""Trees of files of one size, as benchmarks need them, and what has become of their files elsewhere."""

import hashlib
import os
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from random import Random

from msgspec.structs import replace

from winnowry.io.examine import announce
from winnowry.schemas.post import Post

FOLDERS = 50
CLUSTER = "ddi.example.org"


class SourceTree:
    """``count`` files of ``size`` random bytes below ``root``, which is made; the same arguments make the same files."""

    def __init__(self, root: Path, count: int, size: int) -> None:
        self.root, self.size = root, size
        self.names = [f"20260101/observations/{number % FOLDERS}/file{number}.bufr" for number in range(count)]
        random = Random(size)
        for name in self.names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(random.randbytes(size))
        self.digests = digests(root)

    def posts(self, url: str) -> Iterator[Post]:
        """Yield the announcement of each file, by its sha512, as it comes into a cluster."""
        for name in self.names:
            post = announce(str(self.root), name, base_url=url, method="sha512", now=time.time_ns())
            yield replace(post, source="alice", from_cluster=CLUSTER, to_clusters=CLUSTER)


def digests(root: Path) -> dict[str, str]:
    """Return the sha512 of each file below a folder by its path; what is neither file nor folder has an empty one."""
    found = {}
    for folder, _, names in os.walk(root):
        for path in (Path(folder, name) for name in names):
            found[str(path.relative_to(root))] = _digest(path) if path.is_file() and not path.is_symlink() else ""
    return found


def placed_at(root: Path) -> list[float]:
    """Return when each file below a folder got its name or its last byte, in Unix time, sorted: the kernel notes it."""
    return sorted(Path(folder, name).lstat().st_ctime for folder, _, names in os.walk(root) for name in names)


def is_empty(root: Path) -> bool:
    """Whether there is no file below a folder, not even a temporary one."""
    return not any(names for _, _, names in os.walk(root))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
