"""Decide what became of each message that entered one pump. Pure: it looks at evidence alone."""

from collections import Counter
from dataclasses import dataclass, field

from winnowry.runners.audit.evidence import BAD, BITS, GOOD, OVER, SUPERSEDED, Entered, Finding, PumpEvidence, finding


@dataclass
class Endings:
    """The best endings of one pump's messages: how many of each, who has none, who has some that contradict each other."""

    counts: Counter[str] = field(default_factory=Counter)
    open: list[str] = field(default_factory=list)
    contradicting: list[str] = field(default_factory=list)
    unfounded: list[str] = field(default_factory=list)
    unreported: list[str] = field(default_factory=list)
    known: int = 0


def endings_of(evidence: PumpEvidence, *, whole: bool = True) -> Endings:
    """Return what became of the messages of a pump; ``whole`` says that everything was seen from the beginning."""
    found = Endings()
    backed = _backed(evidence) if whole and evidence.subject.announces else None
    for identity, entered in evidence.entered.items():
        bits = _bits_of(evidence, identity, entered)
        if bits:
            _count(found, bits, entered)
            if evidence.subject.reports_each and bits & GOOD and not evidence.reported(entered):
                found.unreported.append(entered.name)
            repeats_only = bits & (BITS["repeat"] | SUPERSEDED) == bits and bits & BITS["repeat"]
            if repeats_only and backed is not None and entered.marks is not None and entered.marks.news not in backed:
                found.unfounded.append(entered.name)
        elif identity in evidence.holding.later:
            found.counts["later"] += 1
        elif _is_known(evidence, entered):
            found.counts["repeat"] += 1
            found.known += 1
        else:
            found.open.append(entered.name)
    return found


def judge_endings(evidence: PumpEvidence, *, whole: bool = True) -> tuple[Endings, list[Finding]]:
    """Return the endings of a pump's messages, and what is wrong with them."""
    found = endings_of(evidence, whole=whole)
    where, holding = evidence.subject.name, evidence.holding
    silent = max(0, holding.silent - evidence.counted - found.known)
    told_by_counters = min(silent, len(found.open))
    waiting = min(holding.waiting, len(found.open) - told_by_counters)
    found.counts["silent"] += told_by_counters
    found.counts["queued"] += waiting
    lost = len(found.open) - told_by_counters - waiting
    findings = []
    if lost:
        hidden = f" ({waiting:,} of these wait)" if waiting else ""
        (all_open,) = finding("lost", where, found.open, f"entered, and neither ended nor waits{hidden}")
        findings.append(Finding("lost", where, all_open.detail, lost))
    findings += finding("contradiction", where, found.contradicting, "ended well and badly")
    findings += finding("unfounded repeat", where, found.unfounded, "ended as a repeat of what nobody announced")
    if len(found.unreported) > holding.waiting:
        findings += finding("unreported", where, found.unreported, "ended well without a Report")
    findings += _of_letters(evidence, whole=whole)
    return found, findings


def _bits_of(evidence: PumpEvidence, identity: bytes, entered: Entered) -> int:
    subject = evidence.subject
    good = bool(entered.marks is not None and subject.announces and entered.marks.onward in evidence.onward)
    if not good and entered.place:
        good = entered.place in evidence.present or entered.place in evidence.taken
    bits = BITS["announced" if subject.announces else "delivered"] if good else 0
    if not good or subject.reports_each:  # a relay's bad endings may be another pump's, who read the same Post
        bits |= evidence.reported(entered)
    letter = evidence.holding.letters.get(identity)
    return bits | (BITS.get(letter.ending, BITS["failed"]) if letter is not None else 0)


def _count(found: Endings, bits: int, entered: Entered) -> None:
    best = next((ending.value for ending in OVER if bits & BITS[ending.value]), "refused")
    found.counts[best] += 1
    if bits & GOOD and bits & BAD:
        found.contradicting.append(entered.name)


def _is_known(evidence: PumpEvidence, entered: Entered) -> bool:
    """Whether a pump that does not report its repeats has announced the same content of the same path."""
    subject = evidence.subject
    if not subject.remembers or subject.reports_each or entered.marks is None:
        return False
    return entered.marks.news in evidence.news


def _backed(evidence: PumpEvidence) -> set[bytes]:
    """Return the marks of what has been the news: whatever repeats something else was lost."""
    told = {
        entered.marks.news
        for entered in evidence.entered.values()
        if entered.marks is not None and evidence.reported(entered) & GOOD
    }
    return told | evidence.news


def _of_letters(evidence: PumpEvidence, *, whole: bool) -> list[Finding]:
    where, letters = evidence.subject.name, evidence.holding.letters
    bare = [letter.name for letter in letters.values() if not letter.reasoned]
    strange = [letter.name for identity, letter in letters.items() if whole and identity not in evidence.entered]
    return [
        *finding("without reason", where, bare, "dead letters whose reason is none of the list"),
        *finding("foreign", where, strange, "dead letters of what never entered"),
        *(Finding("dead instance", where, complaint) for complaint in evidence.holding.complaints if not whole),
    ]
