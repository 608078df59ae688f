"""How an Outcome becomes final, in an order that survives a death at any point.

::

    announcement confirmed ─▶ key committed ─▶ Report confirmed ─▶ Delivery settled

A copy for a later queue or a dead letter takes the announcement's place. Each step is done for everything that has come so
far at once: a round costs one store transaction and one window of confirms, and the next rounds run while the confirms come in.
Whatever is not settled when the process dies is delivered again, meets what was committed, and ends as a repeat.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

import structlog
from msgspec.structs import replace

from winnowry.io.broker import Broker, Confirm, Confirmations
from winnowry.io.memory import Memory
from winnowry.runners.direct.claims import close_claims
from winnowry.runners.direct.parked import Parked
from winnowry.runners.direct.put_off import PutOff, Step
from winnowry.runners.engines.desk import Desk, first_messages
from winnowry.runners.engines.holders import Holders
from winnowry.runners.engines.inlet import Inlet
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.errors import DiskTrouble
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

log = structlog.get_logger(__name__)

POSTPONED_BY = 10.0
"""Seconds until what has been parked for too long is looked at again."""


class Entry:
    """One Outcome on its way to its settling; ``since`` is when it got here, ``returned`` that its Delivery was given back."""

    __slots__ = ("outcome", "reported", "returned", "since", "unanswered")

    def __init__(self, outcome: Outcome, since: float) -> None:
        self.outcome = outcome
        self.since = since
        self.unanswered = 0
        self.reported = self.returned = False


Sending = tuple[Entry, Message]


class Ledger:
    """The Outcomes that are not final yet. Everything but the brokers' answers happens on the thread of the rounds."""

    def __init__(
        self,
        *,
        source: Broker,
        target: Broker,
        holders: Holders,
        desk: Desk,
        memory: Memory | None,
        inlet: Inlet,
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._target = target
        self._holders = holders
        self._desk = desk
        self._memory = memory
        self._inlet = inlet
        self._clock = clock
        self._answers: deque[Confirmations] = deque()
        self._put_off = PutOff()
        self._open: dict[Entry, None] = {}
        self.on_settled: Callable[[Delivery], None] | None = None
        self.count: Callable[[Iterable[Outcome]], None] | None = None  # told of them before they are settled
        self.parked = Parked()
        self.counts: Counter[tuple[Ending, Reason]] = Counter()

    @property
    def open(self) -> int:
        """How many Outcomes are not final yet."""
        return len(self._open)

    @property
    def unheard(self) -> int:
        """How many messages no queue would take; they are published again each second."""
        return self._put_off.count(self._publish, self._report)

    @property
    def waiting_since(self) -> float | None:
        """Since when (Unix time) the oldest Outcome that is not final has been here; None when there is none."""
        return next((entry.since for entry in self._open), None)

    def enter(self, outcomes: Iterable[Outcome]) -> None:
        """Take the Outcomes of a round: park what is not over, publish what has to be confirmed, go on with the rest."""
        now = self._clock()
        entries = []
        for outcome in outcomes:
            if outcome.ending is Ending.PARKED:
                self.parked.put(outcome, now)
            else:
                entries.append(Entry(outcome, now))
        self._open.update(dict.fromkeys(entries))
        self._begin(entries)

    def _begin(self, entries: Iterable[Entry]) -> None:
        sendings: list[Sending] = []
        silent: list[Entry] = []
        for entry in entries:
            try:
                messages = first_messages(entry.outcome, self._desk)
            except DiskTrouble as error:
                self._hinder(self._begin, [entry], error)
                continue
            entry.unanswered = len(messages)
            if messages:
                sendings.extend((entry, message) for message in messages)
            else:
                silent.append(entry)
        self._publish(sendings)
        if silent:
            self._commit(silent)

    def hop(self, hops: Iterable[tuple[Delivery, Message]]) -> None:
        """Move what has waited in a later queue, and has to wait on, to the next."""
        self.enter(
            Outcome(ending=Ending.RETRIED, reason=Reason.WAITING, delivery=delivery, announcements=(copy,))
            for delivery, copy in hops
        )

    def _publish(self, sendings: Sequence[Sending]) -> None:
        if sendings:
            self._target.publish([(sending, sending[1]) for sending in sendings], self._answered)

    def _answered(self, confirmations: Confirmations) -> None:
        self._answers.append(confirmations)
        self._inlet.stir()

    def advance(self) -> None:
        """Go on with what the brokers have answered since the last call."""
        published: list[Entry] = []
        reported: list[Entry] = []
        while self._answers:
            for sending, answer in self._answers.popleft():
                entry = sending[0]
                if answer is not Confirm.CONFIRMED:
                    self._put_off.add(self._report if entry.reported else self._publish, [sending], self._clock())
                    continue
                entry.unanswered -= 1
                if not entry.unanswered:
                    (reported if entry.reported else published).append(entry)
        self._put_off.try_again(self._clock())
        if published:
            self._commit(published)
        if reported:
            self._settle(reported)

    def _hinder(self, step: Step, entries: Sequence[Entry], trouble: DiskTrouble) -> None:
        if self._put_off.add(step, entries, self._clock()):
            log.warning("an ending waits for our own disk", trouble=str(trouble))

    def _commit(self, entries: Sequence[Entry]) -> None:
        """Commit or release the claims of entries whose messages are confirmed, wake who waited for them, and report."""
        woken: Sequence[bytes] = ()
        try:
            if self._memory is not None:
                woken = close_claims(self._memory, [entry.outcome for entry in entries], self.parked.has_waited)
            if self.count is not None:
                self.count(entry.outcome for entry in entries if not entry.returned)  # what was returned comes again
        except DiskTrouble as error:
            self._hinder(self._commit, entries, error)
            return
        self.wake(woken)
        reports: list[Sending] = []
        silent: list[Entry] = []
        for entry in entries:
            report = self._desk.report(entry.outcome)
            if report is None:
                silent.append(entry)
            else:
                entry.reported = True
                entry.unanswered = 1
                reports.append((entry, report))
        self._report(reports)
        if silent:
            self._settle(silent)

    def _report(self, sendings: Sequence[Sending]) -> None:
        if sendings:
            self._source.publish([(sending, sending[1]) for sending in sendings], self._answered)

    def wake(self, keys: Iterable[bytes]) -> None:
        """Let what was parked under these keys enter the next round, in this order; what is not parked is passed over."""
        woken = [delivery for key in keys if (delivery := self.parked.pop(key)) is not None]
        if woken:
            self._inlet.again(*woken)

    def postpone_overdue(self, then: float) -> None:
        """Send what has been parked since before this time to a later queue; its transfer goes on, and is met again there."""
        overdue = self.parked.overdue(then)
        self.enter([replace(outcome, ending=Ending.RETRIED, delay=POSTPONED_BY) for outcome in overdue])

    def return_overdue(self, then: float) -> None:
        """Give back to the broker what has waited for confirms since before this time: it would close the channel.

        The Outcome goes on; when its message is delivered again, it meets what this one has reserved, or ends as a repeat.
        """
        overdue = []
        for entry in self._open:
            if entry.since >= then:
                break
            if not entry.returned and entry.outcome.delivery.epoch:  # a store on our own disk waits as long as we do
                entry.returned = True
                overdue.append(entry.outcome.delivery)
        self._holders.put_back(overdue)

    def _settle(self, entries: Sequence[Entry]) -> None:
        try:
            self._holders.settle([entry.outcome.delivery for entry in entries])
        except DiskTrouble as error:
            if error.reason is not Reason.DISK_FULL:  # a damaged store is mended when the process begins anew
                raise
            self._hinder(self._settle, entries, error)
            return
        for entry in entries:
            del self._open[entry]
            self.counts[entry.outcome.ending, entry.outcome.reason] += 1
            self.parked.settled(entry.outcome.delivery)
            if self.on_settled is not None:
                self.on_settled(entry.outcome.delivery)
