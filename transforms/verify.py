"""Compare the bytes received with the bytes announced."""

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from functools import partial

import apache_beam as beam
import msgspec
from apache_beam.pvalue import PCollection

from winnowry.schemas.arrival import Arrival, Fetched
from winnowry.schemas.branches import Branches
from winnowry.schemas.errors import Malformed, Mismatch, Terminal, Transient
from winnowry.schemas.fingerprint import CONTENT_METHODS, Fingerprint
from winnowry.schemas.outcome import Outcome
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.transforms.branch import branch
from winnowry.transforms.patience import Patience
from winnowry.transforms.retry import retry


def verify(arrival: Arrival, patience: Patience, demand: bool = False) -> Arrival | Outcome:
    """Return the Arrival when size and checksum agree; else `retried`, or `failed` after the last attempt.

    ``demand`` fails a file whose Post gives no checksum of its content. A Post that leaves the checksum to us ("calculate on
    download") goes on with the one that was calculated. What was not fetched (an operation, or a file that an earlier
    attempt already placed) goes on unlooked at.
    """
    fetched = arrival.fetched
    if fetched is None or fetched.temporary is None:
        return arrival
    try:
        _check_size(arrival.post, fetched)
        fingerprint = _checked(arrival.post.fingerprint, fetched, demand)
    except (Transient, Terminal) as error:
        return retry(arrival, error, patience)
    if fingerprint is arrival.post.fingerprint:
        return arrival
    return msgspec.structs.replace(arrival, post=msgspec.structs.replace(arrival.post, fingerprint=fingerprint))


@dataclass(kw_only=True)
class Verify(beam.PTransform):
    """Apply ``verify`` to Arrivals.

    >>> Verify(demand=True).patience.attempts
    10
    """

    patience: Patience = field(default_factory=Patience)
    demand: bool = False

    def expand(self, arrivals: PCollection) -> Branches:
        """Return the Arrivals whose bytes are those announced, and the Outcomes of the others."""
        return branch(arrivals, partial(verify, patience=self.patience, demand=self.demand))


def _check_size(post: Post, fetched: Fetched) -> None:
    if post.size is not None and post.size != fetched.size:
        raise Mismatch(Reason.SIZE_MISMATCH, f"{fetched.size} bytes received, {post.size} announced")


def _checked(announced: Fingerprint | None, fetched: Fetched, demand: bool) -> Fingerprint | None:
    if announced is not None and announced.method == "cod" and fetched.method in CONTENT_METHODS:
        return Fingerprint(method=fetched.method, value=b64encode(fetched.digest).decode())
    if announced is None or not announced.says_content:
        if demand:
            raise Terminal(Reason.CHECKSUM_UNKNOWN, f"the Post gives {announced.method if announced else 'no checksum'}")
        return announced
    if fetched.method != announced.method:
        raise Terminal(Reason.CHECKSUM_UNKNOWN, f"{announced.method} announced, {fetched.method or 'nothing'} calculated")
    if fetched.digest != _digest(announced):
        received = b64encode(fetched.digest).decode()
        raise Mismatch(Reason.CHECKSUM_MISMATCH, f"{announced.method} {received} received, {announced.value[:200]} announced")
    return announced


def _digest(announced: Fingerprint) -> bytes:
    try:
        return b64decode(announced.value, validate=True)
    except ValueError as error:
        raise Malformed(Reason.FIELD_INVALID, f"the checksum {announced.value[:200]!r} is not base64") from error
