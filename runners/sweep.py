"""Remove what processes that died have left half fetched. Both engines do, when a pump begins."""

import threading
from collections.abc import Callable

import structlog

from winnowry.io.tree import tree_at
from winnowry.pipelines.pump import Pump
from winnowry.schemas.errors import DiskTrouble

log = structlog.get_logger(__name__)

ABANDONED_AFTER = 86400.0
"""Seconds without a byte after which a temporary file belongs to a process that died."""


def _nothing() -> frozenset[str]:
    return frozenset()


def begin_to_sweep(pump: Pump, spared: Callable[[], frozenset[str]] = _nothing) -> threading.Thread:
    """Sweep a pump's data root on a thread of its own, but for the temporaries that are ``spared``: an intent asks for them.

    Only where no other pump writes there (`Pump.owns_root`).
    """
    thread = threading.Thread(target=_sweep, args=(pump, spared), name="sweep", daemon=True)
    thread.start()
    return thread


def _sweep(pump: Pump, spared: Callable[[], frozenset[str]]) -> None:
    try:
        swept = tree_at(pump.root).sweep(ABANDONED_AFTER, spare=spared())
    except DiskTrouble as error:
        log.warning("could not sweep away what was left half fetched", pump=pump.name, error=str(error))
        return
    if swept:
        log.info("swept away what was left half fetched", pump=pump.name, files=swept)
