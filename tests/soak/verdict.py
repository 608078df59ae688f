"""What the consumers of the soak ought to have, and what they have."""

import hashlib
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from crop import SOURCES, Crop
from ledger import Ledger

SURE = ("plain", "slow", "late", "cut", "flipped", "halved", "changing", "missing")
"""Kinds of files that consumers have in the end; what was missing is back by then."""


def figures(crop: Crop, pump: Ledger, consumers: Mapping[str, Ledger]) -> dict[str, list[str]]:
    """Return whatever is wrong, by figure: each list ought to be empty."""
    found: dict[str, list[str]] = {"lost": [], "corrupt": [], "false or partial": [], "delivered twice": [], "unseen": []}
    for who, ledger in (("pump", pump), *consumers.items()):
        if ledger.trouble:
            found["unseen"].append(f"{who}: {ledger.trouble}")
    found["false or partial"] += _false(
        "pump", pump, {f"{source}/{name}": crop.versions[name] for source in SOURCES for name in crop.versions}
    )
    for who, ledger in consumers.items():
        found["false or partial"] += _false(who, ledger, crop.versions)
        found["lost"] += _lost(who, ledger, crop)
        found["delivered twice"] += _twice(who, ledger, crop)
        found["corrupt"] += _corrupt(who, ledger, crop)
    return found


def _false(who: str, ledger: Ledger, versions: Mapping[str, list[str]]) -> list[str]:
    """Return names and contents that were never announced."""
    return [
        f"{who}: {name}: {digest[:12]}"
        for name, digests in ledger.entries.items()
        for digest in digests
        if digest not in versions.get(name, ())
    ]


def _lost(who: str, ledger: Ledger, crop: Crop) -> list[str]:
    """Return what never came, or came and was not brought up to date."""
    sure = crop.of_kind(*SURE)
    return [f"{who}: {name}" for name in sure if ledger.entries.get(name, [""])[-1] != crop.versions[name][-1]]


def _twice(who: str, ledger: Ledger, crop: Crop) -> list[str]:
    """Return what came again without having been another in between, or more often than it was announced."""
    found = []
    for name, digests in ledger.entries.items():
        again = any(one == other for one, other in pairwise(digests))
        if again or len(digests) > len(crop.versions.get(name, ())):
            found.append(f"{who}: {name}: {len(digests)} times")
    return found


def _corrupt(who: str, ledger: Ledger, crop: Crop) -> list[str]:
    """Return what is on the disk of a consumer that keeps its files, and is not what came last."""
    if ledger.takes:
        return []
    return [f"{who}: {name}" for name, digests in ledger.entries.items() if _digest(ledger.root / name) != digests[-1]]


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        return "not there"


def told(found: Mapping[str, Iterable[str]]) -> list[str]:
    """Return lines that tell the figures, with some names each."""
    lines = []
    for figure, names in found.items():
        shown = sorted(names)
        lines.append(f"{figure}: {len(shown):,}")
        lines += [f"    {name}" for name in shown[:20]]
    return lines
