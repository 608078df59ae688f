"""A Post as it came off a queue."""

from hashlib import blake2b

import msgspec

from winnowry.schemas.delivery import BODY_LIMIT, Delivery
from winnowry.schemas.edge import InputEdge
from winnowry.schemas.post import Post
from winnowry.schemas.report import Report


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What an Arrival has reserved in the memory of a pump, to be committed or released with its Outcome.

    ``path`` and ``content`` are 16-byte keys of the memory; ``announcer`` is 8 bytes; ``pub_time`` is in nanoseconds;
    ``episode`` is which of this announcer's episodes of this content it is. ``identity`` is the Arrival's. ``departure`` is the
    removal at the old path that a rename implies: it is not reserved, and remembered with the rename. ``news_at`` is when (Unix
    nanoseconds) a winnow has let it through: on one path always later than the news before.
    """

    identity: bytes
    path: bytes
    content: bytes
    announcer: bytes
    pub_time: int
    episode: int
    departure: "Claim | None" = None
    news_at: int = 0


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is on our disk: under ``temporary`` beside its place, or (None) already under its name.

    Paths are relative to the data root; ``size`` is in bytes as received; ``digest`` is that of ``method``, or of nothing
    when the Post named no method that says content.
    """

    temporary: str | None
    inode: int = 0
    size: int = 0
    method: str = ""
    digest: bytes = b""


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A Post, its edge, its identity and attempt number, and the Delivery that brought it.

    ``place`` is where its file lands, relative to the data root. ``claim`` is set between the sieve and the Outcome,
    ``fetched`` between Fetch and Place. ``report`` says that it came in a Report, which answers this Post.
    """

    post: Post
    edge: InputEdge
    identity: bytes
    delivery: Delivery
    place: str = ""
    claim: Claim | None = None
    fetched: Fetched | None = None
    report: Report | None = None

    @property
    def attempt(self) -> int:
        """How often this Arrival has been tried, this time included."""
        return self.delivery.attempt


def identify(delivery: Delivery) -> bytes:
    """Return the 16 bytes by which a message is known however often it is delivered: a hash of exchange, headers and body.

    Of a body that is too large the beginning counts, which is all that a pump keeps of it.

    >>> identify(Delivery(body=b"x", queue="q", exchange="xs_alice", tag=1)).hex()[:8]
    'f94ae73b'
    """
    digest = blake2b(delivery.exchange.encode(), digest_size=16)
    if delivery.headers:
        digest.update(repr(sorted(delivery.headers.items())).encode())
    digest.update(b"\0" + delivery.body[: BODY_LIMIT + 1])
    return digest.digest()
