"""The audit of running pumps: taps on all their exchanges, a look at what they hold, the verdict."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Self

from winnowry.io.broker import Broker
from winnowry.runners.audit.decide import Verdict, decide
from winnowry.runners.audit.evidence import PumpEvidence, Told
from winnowry.runners.audit.holding import hold_of
from winnowry.runners.audit.note import Roles, note
from winnowry.runners.audit.subject import Subject
from winnowry.runners.audit.taps import Taps, connect, remove
from winnowry.runners.cluster.address import account_of
from winnowry.schemas.errors import Terminal
from winnowry.schemas.reasons import Reason

Urls = tuple[str, ...]
Place = tuple[Urls, str]
PAUSE = 0.3
"""Seconds between two looks at pumps that are not done yet."""


class Audit:
    """Watches some pumps from entering its context until its end.

    Each exchange is read once whatever it is to whom: first those that pumps read, then those they announce to, then Reports;
    so that whatever is seen to enter, and has ended, is seen to have ended. ``urls`` are of an account that may read all these
    exchanges, where that is not the pumps' own. ``prefix`` begins the names of the queues, with ``{account}`` for the account
    that makes them; ``expires`` is in seconds. One that is not ``tapped`` knows of nothing that enters, and only looks at what
    is held. ``connect`` and ``remove`` are for brokers of another kind.
    """

    def __init__(
        self,
        subjects: Sequence[Subject],
        *,
        prefix: str = "",
        urls: Urls | None = None,
        expires: float = 86400.0,
        tapped: bool = True,
        connect: Callable[[Urls], Broker] = connect,
        remove: Callable[[Urls, Sequence[str]], None] = remove,
    ) -> None:
        told: dict[Place, Told] = {}
        self.evidences = []
        for subject in subjects:
            heard = told.setdefault((urls or subject.source, subject.reports), Told()) if subject.reports else Told()
            self.evidences.append(PumpEvidence(subject, heard))
        self._urls, self._prefix, self._expires, self._tapped = urls, prefix, expires, tapped
        self._connected, self._remove = connect, remove
        self._stack = ExitStack()
        self._taps: dict[Urls, Taps] = {}
        self._entering = True
        self._window = (math.inf, math.inf)

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            for evidence in self.evidences:
                for urls in (evidence.subject.source, evidence.subject.target):
                    self._connect(self._urls or urls, opening)
            if self._tapped:
                self._tap()
            self._stack = opening.pop_all()
        return self

    def _tap(self) -> None:
        """Keep copies of everything from now on. A pump whose exchange for Reports is missing runs without Reports."""
        for (urls, exchange), roles in self._roles():
            try:
                self._taps[urls].tap(exchange)
            except Terminal as error:
                if error.reason is not Reason.NOT_FOUND or roles.inputs or roles.outputs:
                    raise
                for evidence in roles.reports:
                    evidence.subject = replace(evidence.subject, reports=None)
        self._window = (time.time(), math.inf)

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def close_the_door(self) -> None:
        """Read what has entered by now, and ask about nothing that enters, and about no strange file that comes, later."""
        self._window = (self._window[0], time.time())
        self.gather()
        self._entering = False

    def gather(self) -> int:
        """Read everything that has crossed the exchanges since the last time; return how many messages that were."""
        count = 0
        for (urls, exchange), roles in self._roles() if self._tapped else ():
            count += self._taps[urls].read(exchange, lambda one, roles=roles: note(one, roles, entering=self._entering))  # type: ignore[misc]
        return count

    def observe(self) -> int:
        """Look at what the pumps hold, then read what has crossed the exchanges; return how many messages have not ended."""
        for evidence in self.evidences:
            subject = evidence.subject
            source, target = self._urls or subject.source, self._urls or subject.target
            evidence.holding = hold_of(subject, self._taps[source].broker, self._taps[target].broker)
        self.gather()
        return sum(evidence.holding.waiting for evidence in self.evidences)

    def begin(self) -> None:
        """Take note of what the pumps have counted so far."""
        self.observe()
        for evidence in self.evidences:
            evidence.counted = evidence.holding.silent

    def settle(self, patience: float, *, whole: bool = True, watch: Callable[[int], None] = lambda _: None) -> Verdict:
        """Return the verdict when everything has ended and is as it ought to be, or after ``patience`` seconds.

        ``watch`` is told now and then how many messages have not ended.
        """
        deadline = time.monotonic() + patience
        while True:
            waiting = self.observe()
            watch(waiting)
            began = time.monotonic()
            if waiting and began < deadline:
                time.sleep(PAUSE)
                continue
            verdict = decide(self.evidences, whole=whole, window=self._window)
            ended = time.monotonic()
            if not verdict.findings or ended > deadline:
                return verdict
            time.sleep(max(PAUSE, ended - began))  # folders are read again: not all the time

    def _connect(self, urls: Urls, opening: ExitStack) -> None:
        if urls in self._taps:
            return
        broker = self._connected(urls)
        opening.callback(broker.close)
        taps = Taps(broker, prefix=self._prefix.format(account=account_of(urls[0])), expires=self._expires)
        self._taps[urls] = taps
        opening.callback(self._remove, urls, taps.queues)

    def _roles(self) -> list[tuple[Place, Roles]]:
        """Return what each exchange is to whom, in the order in which they are read."""
        inputs: dict[Place, list] = {}
        outputs: dict[Place, list] = {}
        reports: dict[Place, list] = {}
        for evidence in self.evidences:
            subject = evidence.subject
            source, target = self._urls or subject.source, self._urls or subject.target
            for edge in subject.inputs:
                inputs.setdefault((source, edge.exchange), []).append((evidence, edge))
            for exchange in subject.outputs:
                outputs.setdefault((target, exchange), []).append(evidence)
            if subject.reports is not None:
                reports.setdefault((source, subject.reports), []).append(evidence)
        return [
            (place, Roles(tuple(inputs.get(place, ())), tuple(outputs.get(place, ())), tuple(reports.get(place, ()))))
            for place in dict.fromkeys([*inputs, *outputs, *reports])
        ]
