"""How a pump comes by files, and where it puts them."""

from pathlib import Path
from typing import Literal

import certifi
import msgspec

Durability = Literal["process", "machine"]
"""Whose death files outlive as soon as they are announced or delivered: that of our process, or of the whole machine."""


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of fetching and placing; one pool of transfers in a process serves all that are given equal ones.

    ``root`` is the data root, which exists; nothing is ever written outside it. ``connections`` is to one host at a time.
    ``connect_timeout`` and ``stall_timeout`` (without a byte, connecting included) are in seconds. ``certificates`` is the file
    of the authorities trusted for https, ``file_roots`` are the folders from which ``file:`` URLs may be copied. ``method`` is
    what is calculated where the Post leaves the choice of checksum to us. ``max_file`` is in bytes, None for any; it bounds the
    files whose Posts say no size. With ``durability`` "machine" the disk keeps a file before it is announced, or delivered.
    """

    root: Path
    connections: int = 16
    connect_timeout: float = 10.0
    stall_timeout: float = 10.0
    certificates: str = certifi.where()
    file_roots: tuple[Path, ...] = ()
    proxy: str = ""
    method: str = "sha512"
    max_file: int | None = None
    durability: Durability = "process"
