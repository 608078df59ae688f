"""Bring the files that Posts announce to our disk."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import msgspec
from apache_beam.pvalue import PCollection

from winnowry.io.branches import late
from winnowry.io.files import Files
from winnowry.io.http import url_of
from winnowry.io.incoming import Incoming, Request, read_mode
from winnowry.io.job import Job, Result
from winnowry.io.transfers import Transfers, transfers_for
from winnowry.io.tree import Tree
from winnowry.schemas.arrival import Arrival, Fetched
from winnowry.schemas.branches import Branches, split
from winnowry.schemas.errors import Malformed, Terminal, Transient
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.outcome import Ending, Outcome, end
from winnowry.schemas.post import Content
from winnowry.schemas.reasons import Reason
from winnowry.schemas.times import read_time

GivingUp = Callable[[Arrival, Transient | Terminal], Outcome]
"""Decides whether what went wrong is tried again."""

_ENCODINGS = {"utf-8": "utf-8", "iso-8859-1": "iso-8859-1"}


def fetch(arrival: Arrival, transfers: Transfers, giving_up: GivingUp) -> Arrival | Outcome:
    """Return the Arrival with what was fetched, its end, or `parked` while its transfer is under way."""
    result = transfers.take(arrival.identity)
    if result is None:
        return end(arrival, Ending.PARKED, Reason.TRANSFER_UNDERWAY)
    return fetched(arrival, result, giving_up)


def fetched(arrival: Arrival, result: Result, giving_up: GivingUp) -> Arrival | Outcome:
    """Return what becomes of an Arrival whose transfer ended with ``result``."""
    if isinstance(result, Fetched):
        return msgspec.structs.replace(arrival, fetched=result)
    return giving_up(arrival, result)


def request_for(arrival: Arrival, files: Files) -> Request:
    """Return the file to be fetched for an Arrival, with the checksum that its Post will be compared by. Raises Malformed."""
    post = arrival.post
    return Request(
        url=url_of(post),
        place=arrival.place,
        size=post.size,
        method=checksum_method(post.fingerprint, files.method),
        mode=read_mode(post.mode) if post.mode is not None else None,
        mtime=read_time(post.mtime) if post.mtime is not None else None,
        limit=files.max_file,
    )


def checksum_method(fingerprint: Fingerprint | None, ours: str) -> str:
    """Return the method to calculate; "calculate on download" may name one, else it is ``ours``.

    >>> checksum_method(Fingerprint(method="cod", value="md5"), "sha512")
    'md5'
    """
    if fingerprint is None:
        return ""
    return fingerprint.method if fingerprint.method != "cod" else fingerprint.value or ours


def read_content(content: Content) -> bytes:
    """Return the file that a Post carries in itself. Raises Malformed.

    >>> read_content(Content(encoding="base64", value="aGk="))
    b'hi'
    """
    try:
        if content.encoding == "base64":
            return b64decode(content.value, validate=True)
        return content.value.encode(_ENCODINGS[content.encoding])
    except (NotBase64, ValueError, KeyError) as error:
        raise Malformed(Reason.CONTENT_UNREADABLE, f"content in {content.encoding!r}: {error}") from error


def unpack(content: Content, request: Request, tree: Tree) -> Result:
    """Write the file that a Post carries in itself; return it, or what went wrong. Raises Malformed."""
    job = Job(b"", Incoming(tree, request))
    job.incoming.take(read_content(content))
    return job.complete()


@dataclass(kw_only=True)
class Fetch(beam.PTransform):
    """Bring the files of Arrivals to the data root, each under a temporary name beside its place.

    A round waits ``patience`` seconds, and on, for at most ``longest``, while something ends every ``patience`` seconds; what
    is not finished then ends as `parked` and goes on in a later round.
    ``placed`` says whether an earlier attempt already brought this content to its name. Operations have nothing to fetch.

    Delivery: a file is complete and as long as announced, or its Arrival does not go on; nothing is synced.
    Parallelism: one pool of transfers a process, ``files.connections`` to a host.
    Ordering: none; a slow file delays no other.
    Settled when: never here; an unfinished transfer leaves its Delivery unsettled.

    >>> from pathlib import Path
    >>> Fetch(files=Files(root=Path("/srv/winnowry")), giving_up=print).patience
    0.02
    """

    files: Files
    giving_up: GivingUp
    placed: Callable[[Arrival], bool] | None = None
    patience: float = 0.02
    longest: float = 0.2

    def expand(self, arrivals: PCollection) -> Branches:
        """Return the Arrivals with what was fetched, and the Outcomes of the others."""
        return split(arrivals, _Fetch(self.files, self.giving_up, self.placed, (self.patience, self.longest)))


class _Fetch(beam.DoFn):
    def __init__(
        self, files: Files, giving_up: GivingUp, placed: Callable[[Arrival], bool] | None, patience: tuple[float, float]
    ) -> None:
        self.files, self.giving_up, self.placed, self.patience = files, giving_up, placed, patience

    def start_bundle(self) -> None:
        self.transfers = transfers_for(self.files)
        self.pending: list[Arrival] = []
        self.results: list[Arrival | Outcome] = []

    def process(self, arrival: Arrival) -> None:
        if arrival.post.operation is not None:
            self.results.append(arrival)
        elif self.placed is not None and self.placed(arrival):
            self.results.append(msgspec.structs.replace(arrival, fetched=Fetched(temporary=None)))
        else:
            self._begin(arrival)

    def finish_bundle(self) -> Iterator[object]:
        self.transfers.wait([arrival.identity for arrival in self.pending], *self.patience)
        for result in self.results:
            yield late(result)
        for arrival in self.pending:
            yield late(fetch(arrival, self.transfers, self.giving_up))

    def _begin(self, arrival: Arrival) -> None:
        try:
            request = request_for(arrival, self.files)
            if arrival.post.content is not None:
                result = unpack(arrival.post.content, request, self.transfers.tree)
                self.results.append(fetched(arrival, result, self.giving_up))
            else:
                self.transfers.start(arrival.identity, request)
                self.pending.append(arrival)
        except (Transient, Terminal) as error:
            self.results.append(self.giving_up(arrival, error))
