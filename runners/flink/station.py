"""What one reader of a pump holds in a worker's process while that lives: its consumers, and what is not acknowledged.

Beam makes and drops readers as it likes, about one a checkpoint. The station outlives them; a reader is a light handle on it.
"""

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import structlog

from winnowry.io.amqp import AmqpBroker
from winnowry.runners.cluster.kinds import FETCHING
from winnowry.runners.control import Control, socket_of
from winnowry.runners.engines.holds import Holds
from winnowry.runners.engines.watches import AlarmWatch, DiskWatch
from winnowry.runners.flink.counts import counts_of
from winnowry.runners.flink.job import Reading
from winnowry.runners.flink.marks import Acknowledgements, Mark
from winnowry.runners.flink.supply import Supply
from winnowry.runners.sweep import begin_to_sweep
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Unreachable
from winnowry.schemas.reasons import Reason

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
"""Seconds between two looks for reasons to hold."""


class Station:
    """The consumers of one reader. ``take`` and ``mark`` belong to the reader's thread, all else to any.

    Its name tells it from every other station that ever was: what another had handed out is not its to acknowledge.
    """

    def __init__(self, reading: Reading, clock: Callable[[], float] = time.time) -> None:
        self.name = uuid4().hex
        self._reading, self._clock = reading, clock
        self._began = clock()
        self._source = AmqpBroker(reading.job.source.settings(reading.name))
        self._target = AmqpBroker(reading.job.target.settings(reading.name + " later"))
        self._source.declare(reading.job.topology)  # first: a broker that is away is no setback
        self._supply = Supply(reading, self._source, self._target, clock)
        self._book = Acknowledgements()
        self._lock = threading.Lock()
        pump = reading.job.pump
        disks = (DiskWatch([pump.root], pump.keep_free, lambda: 0),) if pump.kind in FETCHING else ()
        watches = (*disks, AlarmWatch((self._source, self._target)))
        self._holds = Holds(pump.name, clock, watches, pump.state / str(reading.number) / "hold.json")
        self._held, self._looked, self._draining = True, 0.0, False
        self._control = Control(socket_of(pump.state, reading.number), self.asked)
        if reading.number == 1 and pump.owns_root and pump.kind in FETCHING:
            begin_to_sweep(pump)

    # -- what the reader asks

    def take(self, limit: int, patience: float = 0.0) -> list[Delivery]:
        """Return at most ``limit`` Deliveries; wait ``patience`` seconds for one where there is none.

        Raises Unreachable when a connection has ended for good.
        """
        self._check()
        self._look()
        taken = self._supply.take(limit, patience)
        with self._lock:
            self._book.hand_out(taken)
        return taken

    def mark(self) -> Mark:
        """Return a mark that covers everything handed out so far."""
        with self._lock:
            return Mark(station=self.name, number=self._book.mark())

    def finalize(self, mark: Mark) -> None:
        """Acknowledge what a completed checkpoint surely holds."""
        with self._lock:
            settled = self._book.finalize(mark.number)
        self._supply.settle(settled)

    def follows(self, mark: Mark | None) -> bool:
        """Whether a reader that goes on from ``mark`` may go on here: it is connected, and nothing was handed out after it."""
        if "closed" in (self._source.state().state, self._target.state().state):
            return False
        with self._lock:
            return self._book.ends_with(mark.number if mark is not None and mark.station == self.name else 0)

    def close(self) -> None:
        """Hang up: whatever is not acknowledged goes back to its queue."""
        self._control.close()
        self._source.close()
        self._target.close()

    # -- what it does beside

    def _check(self) -> None:
        """Raise Unreachable when a connection has ended for good: the job fails, and its next reader has a station anew."""
        for broker in (self._source, self._target):
            if (state := broker.state()).state == "closed":
                raise Unreachable(Reason.UNREACHABLE, f"{broker.name}: {state.detail}")

    def _look(self) -> None:
        now = self._clock()
        if 0.0 <= now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        self._holds.look()
        if (self._draining or bool(self._holds)) != self._held:
            self._held = not self._held
            (self._supply.pause if self._held else self._supply.begin)()

    def asked(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer what is asked over the control socket."""
        match request.get("do"):
            case "hold":
                self._holds.hold(str(request.get("reason", "")), by=str(request.get("by", "operator")))
            case "lift":
                self._holds.lift()
            case "drain":
                self._draining = True
            case "ping":
                return {}
            case "status":
                pass
            case unknown:
                return {"error": f"{unknown!r} is none of status, hold, lift, drain, ping"}
        return self._status()

    def _status(self) -> dict[str, Any]:
        pump = self._reading.job.pump
        brokers = {broker.name: broker.state() for broker in (self._source, self._target)}
        return {
            "pump": pump.name,
            "kind": pump.kind,
            "engine": "flink",
            "state": "draining" if self._draining else "held" if self._holds else "running",
            "holds": self._holds.told(),
            "since": self._began,
            "outcomes": counts_of(pump.cluster, pump.name).told(),
            "waiting": self._supply.inlet.waiting,
            "later": self._supply.inlet.later,
            "unsettled": self._book.open,
            "brokers": {name: f"{state.state} {state.detail}".strip() for name, state in brokers.items()},
        }


_READINGS: dict[str, Reading] = {}
_STATIONS: dict[str, Station] = {}
_OPENING = threading.Lock()


def prepare(reading: Reading) -> None:
    """Say what the reader of this name reads, in this process; what was said before counts no more."""
    with _OPENING:
        _READINGS[reading.name] = reading


def station_for(name: str, mark: Mark | None) -> Station:
    """Return the station of this process from which the reader of that name goes on after ``mark`` (None: from the beginning).

    Where the job was set back to an earlier mark, by a failure or a restore, the station that stands is closed, and what it had
    handed out since comes again to a new one.
    """
    with _OPENING:
        reading = _READINGS[name]
        key = f"{name} {reading.job.source.urls} {reading.job.target.urls}"
        station = _STATIONS.get(key)
        if station is not None and not station.follows(mark):
            log.warning("set back to an earlier checkpoint: what came since is delivered again", pump=reading.job.pump.name)
            station.close()
            station = None
        if station is None:
            station = _STATIONS[key] = Station(reading)
        return station


def finalize(mark: Mark) -> None:
    """Acknowledge what ``mark`` allows, if its station still stands in this process."""
    with _OPENING:
        station = next((station for station in _STATIONS.values() if station.name == mark.station), None)
    if station is not None:
        station.finalize(mark)


def close_stations() -> None:
    """Close every station of this process."""
    with _OPENING:
        stations = list(_STATIONS.values())
        _STATIONS.clear()
    for station in stations:
        station.close()
