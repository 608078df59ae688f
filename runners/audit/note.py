"""Take down what crosses an exchange: what enters pumps there, what they announce there, what they report there."""

from dataclasses import dataclass

from winnowry.io.later import strip
from winnowry.io.topic import takes
from winnowry.runners.audit.evidence import BITS, SUPERSEDED, Entered, Placing, PumpEvidence, Version
from winnowry.runners.audit.marks import marks_of
from winnowry.schemas.arrival import identify
from winnowry.schemas.delivery import BODY_LIMIT, Delivery
from winnowry.schemas.edge import InputEdge
from winnowry.schemas.errors import Malformed, Refused
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.report import Report
from winnowry.schemas.wire import read

_NAME = 200


@dataclass(frozen=True)
class Roles:
    """What an exchange is to the pumps of the audit."""

    inputs: tuple[tuple[PumpEvidence, InputEdge], ...] = ()
    outputs: tuple[PumpEvidence, ...] = ()
    reports: tuple[PumpEvidence, ...] = ()


def note(delivery: Delivery, roles: Roles, *, entering: bool = True) -> None:
    """Take down one message. ``entering`` is False when what enters now is no longer asked about."""
    said = _read(delivery)
    if isinstance(said, Report) and roles.reports and said.post is not None:
        _note_report(said, said.post, roles.reports)
    elif isinstance(said, Post):
        for evidence in roles.outputs:
            _note_onward(said, evidence)
    for evidence, edge in roles.inputs if entering else ():
        if any(takes(key, delivery.routing_key) for key in evidence.subject.keys):
            _note_entering(strip(delivery), said, evidence, edge)


def _read(delivery: Delivery) -> Post | Report | None:
    if len(delivery.body) > BODY_LIMIT:
        return None
    try:
        return read(delivery)
    except Malformed:
        return None


def _note_entering(delivery: Delivery, said: Post | Report | None, evidence: PumpEvidence, edge: InputEdge) -> None:
    if isinstance(said, Report):
        return
    subject = evidence.subject
    evidence.arrivals += 1
    identity = identify(delivery)
    if identity in evidence.entered:
        return
    if said is None:
        evidence.entered[identity] = Entered(repr(delivery.body[:_NAME]), None)
        return
    path = said.rel_path if edge.kind == "user" else said.path_of_origin
    source = (edge.user or said.source or "") if subject.by_source else ""
    marks = marks_of(said, path, source=source, anywhere=subject.anywhere)
    silent = subject.kind == "subscribe" and subject.reports is None
    place = _place_of(said, evidence) if silent else ""
    evidence.entered[identity] = Entered(said.rel_path[:_NAME], marks, place)
    if place:
        evidence.placings.append(Placing(place, _version_of(said), marks.report, sure=False))


def _note_onward(post: Post, evidence: PumpEvidence) -> None:
    subject = evidence.subject
    source = (post.source or "") if subject.by_source else ""
    marks = marks_of(post, post.path_of_origin, source=source, anywhere=subject.anywhere)
    evidence.onward[marks.onward] = post.rel_path[:_NAME]
    evidence.news.add(marks.news)
    if subject.kind == "sarra" and post.base_url == subject.base_url:
        evidence.placings.append(Placing(post.rel_path, _version_of(post), marks.report))


def _note_report(report: Report, post: Post, evidences: tuple[PumpEvidence, ...]) -> None:
    told = evidences[0].told
    mark = marks_of(post, post.path_of_origin).report
    bit = SUPERSEDED if report.reason == Reason.SUPERSEDED.code else BITS.get(report.ending, 0)
    told.endings[mark] = told.endings.get(mark, 0) | bit
    told.names[mark] = post.rel_path[:_NAME]
    if not bit or not is_reason(report.reason):
        told.unreasoned.append(f"{post.rel_path[:_NAME]} {report.ending}:{report.reason}")
    if report.ending not in ("delivered", "repeat"):
        return
    for evidence in evidences:
        if evidence.subject.kind == "subscribe" and (place := _place_of(post, evidence)):
            sure = report.ending == "delivered"
            evidence.placings.append(Placing(place, _version_of(post), mark, sure=sure))


def is_reason(code: str) -> bool:
    """Whether there is a reason with this code.

    >>> is_reason("gone"), is_reason("no idea")
    (True, False)
    """
    try:
        return bool(Reason.of(code))
    except ValueError:
        return False


def _place_of(post: Post, evidence: PumpEvidence) -> str:
    try:
        return evidence.subject.layout.place(post)
    except Refused:
        return ""


def _version_of(post: Post) -> Version:
    operation = post.operation
    if operation is not None:
        kind = {"mkdir": "folder", "link": "link"}.get(operation.kind, operation.kind)
        return Version(kind, target=operation.target)
    fingerprint = post.fingerprint
    if fingerprint is None or not fingerprint.says_content:
        return Version("file", post.size)
    return Version("file", post.size, fingerprint.method, fingerprint.value)
