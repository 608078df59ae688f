"""Copy a tree with `cp`, file by file; compare each copy's sha512 with its original's, and only then give it its name.

What a careful user would do without a network, as the limit for large files. The originals' checksums are calculated first, as
those of announcements are.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path


def digest(path: Path) -> bytes:
    """Return the sha512 of a file, read through in pieces by the standard library."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").digest()


def main() -> None:
    """Copy all files below one folder to another."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    names = sorted(str((Path(folder) / name).relative_to(source)) for folder, _, names in os.walk(source) for name in names)
    announced = {name: digest(source / name) for name in names}
    for name in names:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.part")
        subprocess.run(["cp", str(source / name), str(temporary)], check=True)
        assert digest(temporary) == announced[name], name
        temporary.rename(path)


if __name__ == "__main__":
    main()
