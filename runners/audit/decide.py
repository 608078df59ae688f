"""Decide whether everything that entered a cluster is accounted for. Pure but for one look at the folders."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from winnowry.runners.audit.endings import judge_endings
from winnowry.runners.audit.evidence import Finding, Placing, PumpEvidence, Told, finding
from winnowry.runners.audit.folders import Found, Promise, Window, judge, look
from winnowry.schemas.outcome import Ending


class Verdict(msgspec.Struct, frozen=True):
    """What is wrong, and the figures by pump (and of folders, by their path)."""

    findings: list[Finding]
    figures: dict[str, dict[str, int]]

    def total(self, figure: str) -> int:
        """Return one figure over all pumps and folders."""
        return sum(figures.get(figure, 0) for figures in self.figures.values())

    @property
    def waiting(self) -> int:
        """How many messages have not ended yet."""
        return sum(self.total(name) for name in ("queued", "later", "waiting", "postponed"))


def decide(evidences: Sequence[PumpEvidence], *, whole: bool = True, window: Window | None = None) -> Verdict:
    """Return the verdict on all pumps and their folders.

    ``whole`` says that everything was seen from the first announcement on; without it nothing is said of what was not seen to
    enter, but of processes that died, and ``window`` (Unix time) is from when to when the audit looked.
    """
    findings: list[Finding] = []
    figures: dict[str, dict[str, int]] = {}
    for root in sorted({evidence.subject.root for evidence in evidences if evidence.placings or _writes(evidence)}):
        found = _look(root, [evidence for evidence in evidences if evidence.subject.root == root], whole, window)
        findings += judge(found, str(root))
        wrong = {kind: len(places) for kind, places in found.wrong.items()}
        figures[str(root)] = {"intact": len(found.present), "leftovers": found.leftovers, **wrong}
    for evidence in evidences:
        endings, wrong_endings = judge_endings(evidence, whole=whole)
        findings += [*wrong_endings, *_doubled(evidence)]
        figures[evidence.subject.name] = _figures(evidence, endings.counts, findings)
    if whole:
        findings += [*_unknown_reports(evidences), *_unknown_announcements(evidences)]
    findings += _unreasoned(evidences)
    return Verdict(findings, figures)


def _writes(evidence: PumpEvidence) -> bool:
    return evidence.subject.kind in ("sarra", "subscribe")


def _look(root: Path, evidences: Sequence[PumpEvidence], whole: bool, window: Window | None) -> Found:
    promises: dict[str, Promise] = {}
    for evidence in evidences:
        reports = {entered.marks.report for entered in evidence.entered.values() if entered.marks is not None}
        onward = evidence.subject.kind == "sarra"
        for placing in evidence.placings:
            if onward or not placing.report or placing.report in reports:
                _promise(promises, placing, firm=evidence.subject.reports is not None or onward)
    keeps = all(evidence.subject.keeps for evidence in evidences)
    found = look(root, promises, window=None if whole else window, keeps=keeps)
    for evidence in evidences:
        evidence.present = found.present
    return found


def _promise(promises: dict[str, Promise], placing: Placing, *, firm: bool) -> None:
    known = promises.get(placing.place)
    if known is None or placing.sure:
        promises[placing.place] = Promise((placing.version,), firm)
    elif placing.version not in known.versions:
        known.versions = (*known.versions, placing.version)


def _doubled(evidence: PumpEvidence) -> list[Finding]:
    """Return what a consumer was given twice: the same version at the same place by two Posts, with no other in between."""
    if evidence.subject.kind != "subscribe":
        return []
    last: dict[str, Placing] = {}
    twice = []
    for placing in evidence.placings:
        if not placing.sure:
            continue
        before = last.get(placing.place)
        if before is not None and before.version == placing.version and before.report != placing.report:
            twice.append(placing.place)
        last[placing.place] = placing
    return finding("doubled", evidence.subject.name, twice, "delivered twice")


def _figures(evidence: PumpEvidence, counts: Counter[str], findings: Iterable[Finding]) -> dict[str, int]:
    where, holding = evidence.subject.name, evidence.holding
    wrong = Counter({found.kind: found.count for found in findings if found.where == where})
    return {
        "entered": len(evidence.entered),
        "arrivals": evidence.arrivals,
        **{ending.value: counts[ending.value] for ending in Ending if ending.over},
        "silent": counts["silent"],
        "later": counts["later"],
        "queued": counts["queued"],
        "waiting": holding.waiting,
        "postponed": holding.postponed,
        "dead letters": len(holding.letters),
        "lost": wrong["lost"],
        "doubled": wrong["doubled"],
    }


def _told(evidences: Sequence[PumpEvidence]) -> list[tuple[Told, list[PumpEvidence]]]:
    by_exchange: dict[int, tuple[Told, list[PumpEvidence]]] = {}
    for evidence in evidences:
        if evidence.subject.reports is not None:
            by_exchange.setdefault(id(evidence.told), (evidence.told, []))[1].append(evidence)
    return list(by_exchange.values())


def _unknown_reports(evidences: Sequence[PumpEvidence]) -> list[Finding]:
    findings = []
    for told, speakers in _told(evidences):
        known = {entered.marks.report for one in speakers for entered in one.entered.values() if entered.marks is not None}
        strange = [name for mark, name in told.names.items() if mark not in known]
        findings += finding("foreign", str(speakers[0].subject.reports), strange, "Reports of what never entered")
    return findings


def _unreasoned(evidences: Sequence[PumpEvidence]) -> list[Finding]:
    return [
        found
        for told, speakers in _told(evidences)
        for found in finding(
            "without reason", str(speakers[0].subject.reports), told.unreasoned, "Reports without a known ending and reason"
        )
    ]


def _unknown_announcements(evidences: Sequence[PumpEvidence]) -> list[Finding]:
    entered: dict[str, set[bytes]] = {}
    for evidence in evidences:
        for exchange in evidence.subject.outputs:
            marks = (one.marks.onward for one in evidence.entered.values() if one.marks is not None)
            entered.setdefault(exchange, set()).update(marks)
    findings = []
    for evidence in evidences:
        known = set().union(*(entered[exchange] for exchange in evidence.subject.outputs))
        strange = [name for mark, name in evidence.onward.items() if mark not in known]
        findings += finding("foreign", evidence.subject.name, strange, "announced, and never entered")
    return findings
