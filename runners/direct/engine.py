"""The `direct` engine: rounds in this process, settled by Outcome.

A round takes what has arrived, runs the compiled graph on it, and hands the Outcomes to the ledger; while their confirms come
in, the next round runs. When nothing has arrived the engine sleeps until a broker, a transfer or a due date stirs it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Any

import structlog

from winnowry.io.broker import Broker
from winnowry.io.memory import Memory
from winnowry.io.transfers import Transfers
from winnowry.pipelines.catalogue import Pipeline
from winnowry.pipelines.pump import Pump
from winnowry.runners.direct.give_way import GiveWay
from winnowry.runners.direct.halving import HalvingRounds
from winnowry.runners.direct.intake import Intake
from winnowry.runners.direct.ledger import Ledger
from winnowry.runners.direct.speedo import Speedo
from winnowry.runners.direct.suspects import Suspects
from winnowry.runners.engines.desk import Desk
from winnowry.runners.engines.holders import Holders
from winnowry.runners.engines.holds import Holds, Watch
from winnowry.runners.engines.inlet import Inlet
from winnowry.runners.engines.later import Later
from winnowry.runners.engines.watches import watches_of
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Unreachable
from winnowry.schemas.outcome import Ending
from winnowry.schemas.reasons import Reason

log = structlog.get_logger(__name__)

OUTSTANDING = 4
"""Rounds whose confirms may be outstanding while another runs."""

UNSETTLED_FOR_AT_MOST = 600.0
"""Seconds: a third of RabbitMQ's consumer timeout, after which it would close the channel."""

LOOK_SECONDS = 0.5
"""Seconds between two looks for what has waited too long, and for reasons to hold."""

DRAIN_SECONDS = 20.0
IDLE_SECONDS = 1.0


def _nobody() -> None:
    """Watch nothing."""


class DirectEngine:
    """Runs one instance of one pump until it is stopped, or until nothing is left to do.

    ``source`` is where Deliveries come from and Reports go, ``target`` where announcements, later copies and dead letters go.
    ``watches`` look for further reasons to hold, and ``hold_file`` keeps an operator's hold. ``suspects`` are kept apart
    after a crash. ``transfers`` are those of a pump that fetches. ``twice`` runs every round two times on the same Arrivals, to
    show that no step minds. ``rounds`` are those of this pump, where they are compiled already. ``speedo`` counts for it.
    """

    def __init__(
        self,
        pump: Pump,
        pipeline: Pipeline,
        *,
        source: Broker,
        target: Broker,
        desk: Desk,
        memory: Memory | None = None,
        supply: Iterator[Delivery] | None = None,
        later: Later | None = None,
        transfers: Transfers | None = None,
        suspects: Suspects | None = None,
        watches: Sequence[Watch] = (),
        hold_file: Path | None = None,
        limit: int = 1000,
        prefetch: int = 5000,
        twice: bool = False,
        rounds: HalvingRounds | None = None,
        speedo: Speedo | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pump, self._source, self._target = pump, source, target
        self._limit, self._clock, self._memory, self._speedo = limit, clock, memory, speedo
        self._holders = Holders(source, later if later is not None else source)
        self._inlet = Inlet(clock_ns=lambda: int(clock() * 1e9), supply=supply)
        self._ledger = Ledger(
            source=source, target=target, holders=self._holders, desk=desk, memory=memory, inlet=self._inlet, clock=clock
        )
        self._intake = Intake(
            pump.inputs, self._inlet, self._holders, source=source, later=later, suspects=suspects, prefetch=prefetch
        )
        self._ledger.on_settled = self._intake.on_settled
        self._give_way = GiveWay(transfers, memory, clock) if transfers is not None and memory is not None else None
        self._attach(transfers, speedo)
        self._holds = Holds(pump.name, clock, (*watches, *watches_of(self._ledger, source, target, clock)), hold_file)
        self._held, self._stopping = True, False
        self._looked, self._entering = 0.0, 0
        self._busy_at = self._started = clock()
        self._rounds = rounds or HalvingRounds(lambda root: pipeline(root, pump), twice=twice)

    def _attach(self, transfers: Transfers | None, speedo: Speedo | None) -> None:
        if transfers is not None:
            transfers.on_finished = self._inlet.finish
        if speedo is not None:
            self._ledger.count = speedo.count
            speedo.stir_by(self._inlet.stir)

    # -- asked from outside, from any thread

    def stop(self) -> None:
        """Drain: take nothing more in, finish what is underway, and end."""
        self._stopping = True
        self._inlet.stir()

    def hold(self, reason: str, by: str = "operator") -> None:
        """Pause the consumer of every queue; what is underway is finished."""
        self._holds.hold(reason, by)
        self._inlet.stir()

    def lift(self) -> None:
        """End the operator's hold."""
        self._holds.lift()
        self._inlet.stir()

    @property
    def over(self) -> int:
        """How many Deliveries have been settled."""
        return self._ledger.counts.total()

    def ended(self, ending: Ending) -> int:
        """How many of them ended so."""
        return sum(count for (found, _), count in self._ledger.counts.items() if found is ending)

    def status(self) -> dict[str, Any]:
        """Return how this instance stands, as plain values."""
        counts = {f"{ending.value}:{reason.code}": count for (ending, reason), count in dict(self._ledger.counts).items()}
        brokers = {broker.name: broker.state() for broker in (self._source, self._target)}
        return {
            "pump": self._pump.name,
            "kind": self._pump.kind,
            "state": "draining" if self._stopping else "held" if self._holds else "running",
            "holds": self._holds.told(),
            "since": self._started,
            "outcomes": counts,
            "waiting": self._intake.waiting,
            "parked": len(self._ledger.parked),
            "later": self._inlet.later,
            "unsettled": self._entering + self._ledger.open + len(self._ledger.parked),
            "unheard": self._ledger.unheard,
            "brokers": {name: f"{state.state} {state.detail}".strip() for name, state in brokers.items()},
        }

    # -- the loop

    def run(self, *, until_idle: bool = False, watch: Callable[[], object] = _nobody) -> None:
        """Run until ``stop`` is called; with ``until_idle`` also until the queues are empty and nothing is underway.

        ``watch`` is called now and then, to show how far it is.
        """
        self.begin()
        self._busy_at = self._clock()  # it may have taken long to get ready, and nothing can have come yet
        while not self._stopping and not (until_idle and self._idle()):
            watch()
            if not self.turn():
                self._check_brokers()
                self._inlet.wait(0.2)
        self._drain()

    def _check_brokers(self) -> None:
        """Raise Unreachable when a connection has ended for good: whoever watches over this process starts it anew."""
        for broker in (self._source, self._target):
            state = broker.state()
            if state.state == "closed":
                raise Unreachable(Reason.UNREACHABLE, f"{broker.name}: {state.detail}")

    def begin(self) -> None:
        """Consume, unless the pump is held; ``run`` does this first."""
        self._look()

    def turn(self) -> bool:
        """Do one round's worth of work; False when there was nothing to do. ``run`` does this again and again."""
        if not self._stopping:
            self._look()
        taken = self._intake.take(min(self._limit, OUTSTANDING * self._limit - self._ledger.open))
        self._ledger.enter(self._intake.condemned())
        if taken:
            self._entering = len(taken)
            self._ledger.enter(self._rounds.run(taken))
            self._entering = 0
            self._busy_at = self._clock()
        if hops := self._inlet.hops():
            self._ledger.hop(hops)
        self._ledger.wake(self._inlet.finished())
        self._ledger.advance()
        if self._speedo is not None:
            self._speedo.turn()
        return bool(taken)

    def _look(self) -> None:
        """Now and then, look for what has waited too long and for reasons to hold; follow the holds at once."""
        now = self._clock()
        if not 0.0 <= now - self._looked < LOOK_SECONDS:  # a clock set back stops nothing
            then = now - UNSETTLED_FOR_AT_MOST if now >= self._looked else inf  # set back, nobody knows by how much
            self._looked = now
            self._ledger.postpone_overdue(then)
            self._ledger.return_overdue(now - UNSETTLED_FOR_AT_MOST)
            if self._memory is not None:
                self._memory.check()
            if self._give_way is not None:
                self._ledger.enter(self._give_way.find(self._ledger.parked))
            self._holds.look()
        if bool(self._holds) != self._held:
            self._held = not self._held
            (self._intake.pause if self._held else self._intake.begin)()

    def _idle(self) -> bool:
        if self._intake.waiting or self._ledger.open or self._ledger.parked or self._holds:
            self._busy_at = self._clock()
            return False
        self._busy_at = min(self._busy_at, self._clock())  # a clock set back makes nobody wait
        if self._pump.inputs and self._clock() - self._busy_at < IDLE_SECONDS:
            return False
        if self._intake.queued or self._intake.waiting:  # in this order: what is in no queue any more may just have come
            self._busy_at = self._clock()
            return False
        return True

    def _drain(self) -> None:
        before = self._source.state()
        self._inlet.end_supply()
        self._intake.pause()
        deadline = time.monotonic() + DRAIN_SECONDS
        while (self._intake.waiting or self._ledger.open or self._ledger.parked) and time.monotonic() < deadline:
            if not self.turn():
                self._inlet.wait(0.1)
        left = self._ledger.parked.empty()
        if left or self._ledger.open:
            log.warning("drained, leaving work to the next start", pump=self._pump.name, left=len(left) + self._ledger.open)
        self._holders.put_back(left)
        self._rounds.close()
        if self._speedo is not None:
            self._speedo.end(all_settled=not self._ledger.open and self._intake.is_heard(before))
