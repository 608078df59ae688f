"""Where the dead letters of a pump are, for people: on our broker, or on a consumer's own disk."""

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from winnowry.io.amqp.browse import browsing
from winnowry.io.amqp.letters import drop, resubmit
from winnowry.io.amqp.settings import AmqpSettings
from winnowry.io.dead import DeadLetter, dead_queue, read_letter
from winnowry.io.later_store import LaterStore, stores_of
from winnowry.runners.cluster.accounts import keeps_on_disk
from winnowry.runners.cluster.load import Cluster, default_state
from winnowry.runners.cluster.wiring import wiring
from winnowry.schemas.errors import Terminal
from winnowry.schemas.reasons import Reason

Watch = Callable[[int], object]
"""Told, now and then, how many letters of a box have been dealt with."""


class Letterbox(Protocol):
    """The dead letters of one pump. Everything raises Unreachable, Terminal or DiskTrouble."""

    def read(self) -> Iterator[DeadLetter]:
        """Yield the letters, the oldest first; they stay where they are."""

    def resubmit(self, names: Collection[str], watch: Watch) -> int:
        """Let the pump try these letters again; return how many there were."""

    def drop(self, names: Collection[str], watch: Watch) -> int:
        """Remove these letters; return how many there were."""


@dataclass(frozen=True)
class BrokerBox:
    """A queue of our own broker."""

    settings: AmqpSettings
    account: str
    pump: str

    def read(self) -> Iterator[DeadLetter]:
        """Yield the letters; none where the pump has never run."""
        try:
            yield from map(read_letter, browsing(self.settings, dead_queue(self.account, self.pump).name))
        except Terminal as error:
            if error.reason is not Reason.NOT_FOUND:
                raise

    def resubmit(self, names: Collection[str], watch: Watch) -> int:
        """Put copies into the pump's shortest later queue; each is confirmed before its letter is removed."""
        return resubmit(self.settings, self.account, self.pump, names, watch=watch)

    def drop(self, names: Collection[str], watch: Watch) -> int:
        """Take letters off the queue."""
        return drop(self.settings, self.account, self.pump, names, watch)


@dataclass(frozen=True)
class StoreBox:
    """The stores of all instances of a pump that keeps its dead letters on its own disk, below its folder ``state``."""

    state: Path

    def read(self) -> Iterator[DeadLetter]:
        """Yield the letters of one instance after the other."""
        for store in self._stores():
            yield from store.browse()

    def resubmit(self, names: Collection[str], watch: Watch) -> int:
        """Move letters to the later work of their instance, each store in one transaction."""
        return _sum((store.resubmit(names, time.time_ns()) for store in self._stores()), watch)

    def drop(self, names: Collection[str], watch: Watch) -> int:
        """Remove letters, each store in one transaction."""
        return _sum((store.drop(names) for store in self._stores()), watch)

    def _stores(self) -> Iterator[LaterStore]:
        for file in stores_of(self.state):
            store = LaterStore(file)
            try:
                yield store
            finally:
                store.close()


def _sum(counts: Iterable[int], watch: Watch) -> int:
    done = 0
    for count in counts:
        done += count
        watch(done)
    return done


def boxes_of(cluster: Cluster) -> dict[str, Letterbox]:
    """Return the box of each pump of a cluster. Raises ConfigError where a password is not known."""
    return {name: _box_of(cluster, name) for name in cluster.settings.pumps}


def _box_of(cluster: Cluster, name: str) -> Letterbox:
    if keeps_on_disk(cluster.settings, cluster.settings.pumps[name]):
        return StoreBox(cluster.state / name)
    wires = wiring(cluster, name)
    return BrokerBox(AmqpSettings(urls=wires.target), wires.target_account, name)


def boxes_of_consumer(cluster: str, pump: str) -> dict[str, Letterbox]:
    """Return the box of a consumer of this user that has no cluster file."""
    return {pump: StoreBox(default_state(os.environ) / cluster / pump)}
