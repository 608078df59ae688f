"""The conservation checker around a test: everything that enters is accounted for in the end, or the test fails.

::

    cluster.write(...)
    cluster.subscribe("carol", carol.root)
    audit = watch(cluster)                 # before the first announcement; the exchanges are there
    ...
    figures = audit.check()                # waits until everything has ended
    assert figures["announced"] == FILES
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from clusters import Cluster
from witness import Witness

from winnowry.io.dead import dead_queue
from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.io.later import DELAYS, later_queue
from winnowry.pipelines.pump import Pump
from winnowry.runners.audit.audit import Audit as Checker
from winnowry.runners.audit.decide import Verdict
from winnowry.runners.audit.subject import Subject, subjects_of
from winnowry.runners.cli.subscribe import PUMP, cluster_for, queue_for
from winnowry.runners.cluster.load import load_cluster
from winnowry.runners.credentials import read_credentials

SECONDS = 60.0
PREFIX = "tap_audit_"
NOWHERE = "amqp://localhost/"
"""Where pumps are that run within the test."""


class Accounts:
    """Watches some pumps while its context is open; `watch`, `Audit` and `watch_fake` make one.

    ``takers`` are witnesses who take away what is delivered: what they saw counts as delivered.
    """

    figures: dict[str, dict[str, int]]

    def __init__(self, checker: Checker, takers: Sequence[Witness] = ()) -> None:
        self._checker, self._takers = checker, takers
        self._begun = False

    def gather(self) -> int:
        """Read what the taps hold, so that they do not grow; return how many messages that was."""
        return self._checker.gather()

    def verdict(self, seconds: float = SECONDS, *, whole: bool = True) -> Verdict:
        """Return the verdict as soon as everything has ended well, or after so many seconds."""
        for evidence in self._checker.evidences:
            names = [taker.names for taker in self._takers if taker.root.resolve() == evidence.subject.root]
            if names:
                evidence.taken = frozenset(names[0])
        return self._checker.settle(seconds, whole=whole)

    def check(self, seconds: float = SECONDS, *, allow: Sequence[str] = (), whole: bool = True) -> dict[str, int]:
        """Fail unless every Post that entered has one best ending and every copy is right; return the figures of all pumps.

        ``allow`` names kinds of findings that this test brings about; ``whole`` is False where taps came too late.
        Figures: entered, arrivals, announced, delivered, repeat, refused, malformed, quarantined, failed, dead letters, later,
        queued, lost, doubled; of the folders: intact, corrupt, missing, foreign, leftovers.
        """
        verdict = self.verdict(seconds, whole=whole)
        wrong = [str(found) for found in verdict.findings if found.kind not in allow]
        assert not wrong, "\n".join([*wrong, *(f"{where}: {figures}" for where, figures in verdict.figures.items())])
        names = dict.fromkeys(name for figures in verdict.figures.values() for name in figures)
        self.figures = verdict.figures
        return {name: verdict.total(name) for name in names}

    def __enter__(self) -> Self:
        assert not self._begun, "it watches already: `watch` has begun it"
        self._begun = True
        self._checker.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._checker.__exit__()


class Audit(Accounts):
    """Watches a cluster: its pumps (all, or those named), and the consumers that `Cluster.subscribe` has started."""

    def __init__(self, cluster: Cluster, pumps: Sequence[str] = (), takers: Sequence[Witness] = ()) -> None:
        loaded = load_cluster(cluster.file) if cluster.file.exists() else None
        subjects = subjects_of(loaded, pumps) if loaded is not None else []
        subjects += [consumer_of(cluster, *asked) for asked in dict.fromkeys(cluster.subscribed)]
        taken = {taker.root.resolve() for taker in takers}
        subjects = [replace(subject, keeps=subject.root.resolve() not in taken) for subject in subjects]
        super().__init__(Checker(subjects, prefix=PREFIX, urls=(cluster.vhost.url,)), takers)


def watch(cluster: Cluster, *pumps: str, takers: Sequence[Witness] = ()) -> Audit:
    """Watch a cluster from now on, until it ends."""
    return cluster.stack.enter_context(Audit(cluster, pumps, takers))


def watch_fake(server: FakeExchangeServer, *pumps: Pump) -> Accounts:
    """Watch pumps that run within the test, on a broker in memory, while the context is open."""
    subjects = [subject_of(pump) for pump in pumps]
    return Accounts(Checker(subjects, prefix=PREFIX, connect=lambda _: FakeBroker(server), remove=lambda *_: None))


def subject_of(pump: Pump) -> Subject:
    """Return a pump as the audit sees it."""
    ours = pump.kind != "subscribe"
    return Subject(
        name=pump.name,
        kind=pump.kind,
        inputs=pump.inputs,
        outputs=tuple(edge.exchange for edge in (pump.public, pump.private) if edge is not None and ours),
        reports=pump.reports,
        source=(NOWHERE,),
        target=(NOWHERE,),
        later=tuple(later_queue(pump.account, pump.name, delay) for delay in DELAYS) if ours else (),
        dead=dead_queue(pump.account, pump.name).name if ours else "",
        base_url=pump.base_url,
        layout=pump.layout,
        anywhere=pump.same == "data",
        root=pump.root,
        state=pump.state,
    )


def consumer_of(cluster: Cluster, account: str, into: Path, options: tuple[str, ...]) -> Subject:
    """Return the pump of a `winnowry subscribe` with these options."""
    home, url = cluster.command.home, cluster.address(account)
    chosen = {name.removeprefix("--"): value for name, value in pairwise(options) if name.startswith("--")}
    exchange = chosen.get("exchange", "xpublic")
    pump = {"queue_name": chosen.get("queue") or queue_for(url, into, exchange), "strip": int(chosen.get("strip", 0))}
    passwords = read_credentials(home / ".config" / "winnowry" / "credentials.conf")
    described = cluster_for(url, into, pump | {"from": {"feeder": url, "exchange": exchange}}, passwords)
    (subject,) = subjects_of(described)
    state = home / ".local" / "state" / "winnowry" / described.name / PUMP
    return replace(subject, name=account, state=state, root=into.resolve())
