"""The audit of running pumps: taps on all their exchanges, a look at what they hold, the verdict."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Self

from winnowry.runners.audit.decide import Verdict, decide
from winnowry.runners.audit.evidence import PumpEvidence, Told
from winnowry.runners.audit.holding import hold_of
from winnowry.runners.audit.note import Roles, note
from winnowry.runners.audit.subject import Subject
from winnowry.runners.audit.taps import Taps

Urls = tuple[str, ...]
Place = tuple[Urls, str]
PAUSE = 0.3
"""Seconds between two looks at pumps that are not done yet."""
QUICK = 0.05


class Audit:
    """Watches some pumps from entering its context until its end.

    Each exchange is read once whatever it is to whom: first those that pumps read, then those they announce to, then Reports;
    so that whatever is seen to enter, and has ended, is seen to have ended. ``urls`` are of an account that may read all these
    exchanges, where that is not the pumps' own; ``prefix`` begins the names of the queues; ``expires`` is in seconds.
    """

    def __init__(self, subjects: Sequence[Subject], *, prefix: str, urls: Urls | None = None, expires: float = 86400.0) -> None:
        told: dict[Place, Told] = {}
        self.evidences = []
        for subject in subjects:
            heard = told.setdefault((urls or subject.source, subject.reports), Told()) if subject.reports else Told()
            self.evidences.append(PumpEvidence(subject, heard))
        self.since = time.time()
        self._urls, self._prefix, self._expires = urls, prefix, expires
        self._stack = ExitStack()
        self._taps: dict[Urls, Taps] = {}
        self._entering = True

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            for evidence in self.evidences:
                for urls in (evidence.subject.source, evidence.subject.target):
                    self._connect(self._urls or urls, opening)
            for (urls, exchange), _ in self._roles():
                self._taps[urls].tap(exchange)
            self._stack = opening.pop_all()
        self.since = time.time()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def close_the_door(self) -> None:
        """Read what has entered by now, and ask about nothing that enters later."""
        self.gather()
        self._entering = False

    def gather(self) -> int:
        """Read everything that has crossed the exchanges since the last time; return how many messages that were."""
        count = 0
        for (urls, exchange), roles in self._roles():
            count += self._taps[urls].read(exchange, lambda one, roles=roles: note(one, roles, entering=self._entering))  # type: ignore[misc]
        return count

    def look(self, *, whole: bool = True) -> Verdict:
        """Look at what the pumps hold, read what has crossed the exchanges meanwhile, and decide."""
        for evidence in self.evidences:
            subject = evidence.subject
            evidence.holding = hold_of(
                subject, self._taps[self._urls or subject.source].broker, self._taps[self._urls or subject.target].broker
            )
        self.gather()
        return decide(self.evidences, whole=whole, since=self.since)

    def settle(self, patience: float, *, whole: bool = True, watch: Callable[[Verdict], None] = lambda _: None) -> Verdict:
        """Return the verdict when everything has ended and is as it ought to be, or after ``patience`` seconds."""
        deadline = time.monotonic() + patience
        while True:
            verdict = self.look(whole=whole)
            watch(verdict)
            if time.monotonic() > deadline or (not verdict.findings and not verdict.waiting):
                return verdict
            time.sleep(PAUSE)

    def _connect(self, urls: Urls, opening: ExitStack) -> None:
        if urls not in self._taps:
            self._taps[urls] = Taps(urls, prefix=self._prefix, expires=self._expires)
            opening.callback(self._taps[urls].close)

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
