"""From the first announcement until everything has arrived and nothing moves any more."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from winnowry.runners.demo.compare import Tree
from winnowry.runners.demo.network import CONSUMERS, EXCHANGES, Network
from winnowry.runners.demo.progress import Bars
from winnowry.runners.demo.taps import Taps
from winnowry.runners.demo.watch import Watch

_QUIET_SECONDS = 1.0
_TICK = 0.2


@dataclass(frozen=True, kw_only=True)
class Course:
    """One stretch of a run: what has been announced is followed until both consumers have all of ``tree``.

    ``patience`` is how many seconds nothing may move while something is still missing.
    """

    network: Network
    taps: Taps
    watches: Mapping[str, Watch]
    tree: Tree
    bars: Bars
    kill_a_server: bool = False
    patience: float = 60.0

    def follow(self) -> list[str]:
        """Return complaints: nothing when all has arrived. Raises Unreachable when a program of ours ends badly."""
        counts: dict[str, int] = {}
        moved = time.monotonic()
        while True:
            self.network.check()
            before, counts = counts, self._counts()
            self.bars.show(counts)
            moved = moved if counts == before else time.monotonic()
            still = time.monotonic() - moved
            if self.kill_a_server:
                self._kill_bobs_server(counts["xpublic"])
            if still > _QUIET_SECONDS and not (missing := self._missing()):
                return []
            if still > self.patience:
                return [f"nothing has moved for {self.patience:.0f} s", *missing]
            time.sleep(_TICK)

    def _counts(self) -> dict[str, int]:
        arrivals = {name: len(watch.arrived.keys() & self.tree.keys()) for name, watch in self.watches.items()}
        return {exchange: self.taps.count(exchange) for exchange in EXCHANGES} | arrivals

    def _missing(self) -> list[str]:
        lacking = {name: sum(not os.path.lexists(self.network.tree(name) / path) for path in self.tree) for name in CONSUMERS}
        return [f"{name} lacks {count} of {len(self.tree)}" for name, count in lacking.items() if count]

    def _kill_bobs_server(self, public: int) -> None:
        server = self.network.servers["bob"]
        if server.running and public > len(self.tree) // 3:
            server.kill()
            self.bars.say(f"bob's file server has just been killed, with {public:,} announcements public")
