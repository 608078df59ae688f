"""A pump as the audit sees it, made by hand: what crosses its exchanges and lies in its folder, without a broker."""

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
from arrivals import NOW, a_post

from winnowry.runners.audit.decide import Verdict, decide
from winnowry.runners.audit.evidence import Letter, PumpEvidence
from winnowry.runners.audit.note import Roles, note
from winnowry.runners.audit.subject import Subject
from winnowry.schemas.arrival import identify
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.edge import InputEdge
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.report import Report
from winnowry.schemas.times import write_time
from winnowry.schemas.topics import topic_of
from winnowry.schemas.v03 import write_report, write_v03
from winnowry.transforms.layout import Layout

COPIES = "https://dd.example.org/"
"""Where the pump's copies are."""
EDGE = InputEdge(kind="user", queue="q_feeder.pump.alice", exchange="xs_alice", user="alice")


def a_file(path: str, content: bytes = b"content", at: float = 0.0, **fields: Any) -> Post:
    """Return the Post of a file as its source announces it; ``at`` is in seconds after the beginning of 2026."""
    fingerprint = Fingerprint(method="sha512", value=b64encode(hashlib.sha512(content).digest()).decode())
    pub_time = write_time(int((NOW + at) * 1e9))
    return a_post(rel_path=path, pub_time=pub_time, size=len(content), fingerprint=fingerprint, **fields)


class Scene:
    """One pump (``kind``) with the data root ``root``: what it takes, says and keeps is told by the test."""

    def __init__(self, root: Path, kind: str = "sarra", **fields: Any) -> None:
        outputs = () if kind == "subscribe" else ("xpublic",)
        described: dict[str, Any] = {
            "name": "pump",
            "kind": kind,
            "inputs": (EDGE,),
            "outputs": outputs,
            "reports": "xl_feeder",
            "base_url": COPIES if kind == "sarra" else "",
            "layout": Layout(template="{source}/{rel_path}" if kind == "sarra" else "{rel_path}"),
            "root": root,
        }
        self.root = root
        self.evidence = PumpEvidence(Subject(**(described | fields)))
        self.holding = self.evidence.holding

    def enters(self, post: Post | bytes, **headers: Any) -> bytes:
        """A message comes from the source; return its identity."""
        body = post if isinstance(post, bytes) else write_v03(post)
        delivery = _delivery(body, "xs_alice", **headers)
        note(delivery, Roles(inputs=((self.evidence, EDGE),)))
        return identify(delivery)

    def announces(self, post: Post) -> None:
        """The pump announces a file onward; a `sarra` its own copy."""
        changes: dict[str, Any] = {"source": "alice", "origin_path": post.rel_path}
        if self.evidence.subject.kind == "sarra":
            changes |= {"base_url": COPIES, "rel_path": f"alice/{post.rel_path}"}
        note(_delivery(write_v03(msgspec.structs.replace(post, **changes)), "xpublic"), Roles(outputs=(self.evidence,)))

    def reports(self, post: Post, ending: str, reason: str) -> None:
        """The pump tells what became of a Post."""
        known = {found.code: found.number for found in Reason}
        report = Report(code=known.get(reason, 500), ending=ending, reason=reason)
        said = msgspec.structs.replace(post, source="alice", origin_path=post.rel_path)
        note(_delivery(write_report(said, report), "xl_feeder"), Roles(reports=(self.evidence,)))

    def buries(self, identity: bytes, ending: str = "failed", *, reasoned: bool = True) -> None:
        """The pump leaves a dead letter."""
        self.holding.letters[identity] = Letter(ending, reasoned, identity.hex()[:12])

    def places(self, place: str, content: bytes = b"content") -> Path:
        """A file gets its name in the data root."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def moves(self, path: str, content: bytes = b"content", at: float = 0.0) -> Post:
        """A file goes its whole way as it ought to."""
        post = a_file(path, content, at)
        self.enters(post)
        if self.evidence.subject.kind == "subscribe":
            self.places(path, content)
            self.reports(post, "delivered", "done")
        else:
            self.places(f"alice/{path}", content)
            self.announces(post)
            self.reports(post, "announced", "done")
        return post

    def verdict(self, **options: Any) -> Verdict:
        return decide([self.evidence], **options)

    def wrong(self, **options: Any) -> list[tuple[str, int]]:
        """Return kind and number of each finding."""
        return [(found.kind, found.count) for found in self.verdict(**options).findings]


def _delivery(body: bytes, exchange: str, **headers: Any) -> Delivery:
    post = msgspec.json.decode(body) if body.startswith(b"{") else {}
    key = topic_of(str(post.get("relPath", "a")))
    kind = "application/json"
    return Delivery(body=body, queue="tap", exchange=exchange, routing_key=key, content_type=kind, headers=headers)
