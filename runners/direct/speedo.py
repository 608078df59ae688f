"""How a `speedo` counts on this engine: when its Outcomes become final, in one transaction a round, before they are settled.

A process that dies in between finds who was counted on the roll when the broker delivers them again. When a window is over its
sums are published as Rates; they are told until the broker has confirmed them, so that a window may be told twice.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable

import structlog

from winnowry.io.broker import Broker
from winnowry.io.counts import Counts
from winnowry.pipelines.pump import Pump
from winnowry.runners.direct.tellings import Telling, Tellings
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.delivery import Message
from winnowry.schemas.errors import ConfigError, DiskTrouble
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.rate import Slot, Sums, message_of, rate_of, window_at
from winnowry.schemas.roll import Channel, Roll
from winnowry.transforms.meter import add_up

log = structlog.get_logger(__name__)

UNDERWAY = 100
"""Windows that may be unconfirmed; more wait on the disk."""

TOLD_FOR = 3600 * 10**9
"""Nanoseconds that sums are kept after they were told: a clock that is set back may add to them."""

PAUSE = 1.0
"""Seconds until the disk is tried again when it refused something."""


class Speedo:
    """Counts for one pump. ``keep`` is how many Deliveries of a queue may be unsettled.

    Everything but the broker's answers happens on the thread of the rounds.
    """

    def __init__(
        self, pump: Pump, counts: Counts, target: Broker, *, keep: int, clock: Callable[[], float] = time.time
    ) -> None:
        if pump.public is None:
            raise ConfigError(f"{pump.name}: a speedo needs an exchange for its Rates")
        self._pump, self._counts, self._keep, self._clock = pump, counts, keep, clock
        self._exchange = pump.public.exchange
        self._length = int(pump.window.total_seconds() * 1e9)
        self._channels: dict[str, Channel] = {}
        self._tellings = Tellings(target, self._written)
        self._over: list[Telling] = []
        self._silent_until = 0.0

    def stir_by(self, stir: Callable[[], None]) -> None:
        """Call this when the broker has answered."""
        self._tellings.stir = stir

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Count what ended as delivered, for good: when this returns, it is on the disk. Raises DiskTrouble."""
        now = int(self._clock() * 1e9)
        fresh = [outcome.arrival for outcome in outcomes if outcome.ending is Ending.DELIVERED and outcome.arrival is not None]
        fresh = [arrival for arrival in fresh if self._is_new(arrival)]
        if not fresh:
            return
        begin, end = window_at(now, self._length)
        sums = {Slot(begin, end, *whose): found for whose, found in add_up(fresh, now).items()}
        entries: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
        for arrival in fresh:
            entries[_queue_of(arrival)].append((arrival.delivery.tag, arrival.identity))
        self._counts.add(sums, {queue: (self._channels[queue].turn, page) for queue, page in entries.items()}, self._keep)

    def _is_new(self, arrival: Arrival) -> bool:
        queue, epoch = _queue_of(arrival), arrival.delivery.epoch
        channel = self._channels.get(queue)
        if channel is None or not channel.hands_out(epoch):
            turn, counted = self._counts.roll(queue)
            before = channel or Channel(0, turn, Roll())
            channel = self._channels[queue] = before.followed_by(epoch, Roll(counted))
        return channel.is_new(arrival.delivery, arrival.identity)

    def turn(self) -> None:
        """Tell of windows that are over; what the disk or the broker refuses is done again a second later."""
        over = self._tellings.advance()
        self._over += [telling for telling in over if not telling.refused]
        if any(telling.refused for telling in over):
            self._rest()
        if 0.0 < self._silent_until - self._clock() <= PAUSE:  # a clock set back makes nobody wait
            return
        try:
            self._note()
            self._tell()
        except DiskTrouble as error:
            log.warning("Rates wait for our own disk", pump=self._pump.name, trouble=str(error))
            self._rest()

    def _rest(self) -> None:
        self._silent_until = self._clock() + PAUSE

    def _note(self) -> None:
        """Take note of what has been told."""
        if self._over:
            self._counts.told([figures for telling in self._over for figures in telling.figures])
            self._counts.forget_told(int(self._clock() * 1e9) - TOLD_FOR)
            self._over.clear()

    def _tell(self) -> None:
        if len(self._tellings) < UNDERWAY:
            self._tellings.begin(self._counts.over(int(self._clock() * 1e9), 10 * UNDERWAY))

    def _written(self, slot: Slot, sums: Sums) -> Message:
        return message_of(rate_of(slot, sums, cluster=self._pump.cluster, pump=self._pump.name), self._exchange)

    def end(self, *, all_settled: bool) -> None:
        """Close the store; where the broker is sure to deliver nothing again, who was counted is forgotten first."""
        if all_settled:
            self._counts.forget_rolls()
        self._counts.close()


def _queue_of(arrival: Arrival) -> str:
    return arrival.delivery.held_by or arrival.delivery.queue
