"""One message as the broker handed it over, and one message to hand to a broker."""

from collections.abc import Mapping
from typing import Any

import msgspec

BODY_LIMIT = 1024 * 1024
"""Bodies above this many bytes are dead letters; it is also where sr3's C client gives up."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The broker's hold on one message until somebody settles it.

    ``queue`` names the queue it came off, ``tag`` is the broker's number for it on the channel whose generation is ``epoch``
    (a tag means nothing on a later channel). ``attempt`` counts from 1; it is above 1 only when our own later queue brought
    the message back, and then ``queue``, ``exchange`` and ``routing_key`` are those of its first coming, and ``held_by`` names
    the later queue that it has to be settled on.
    """

    body: bytes
    queue: str
    exchange: str
    routing_key: str = ""
    content_type: str | None = None
    headers: Mapping[str, Any] = {}
    tag: int = 0
    epoch: int = 0
    redelivered: bool = False
    attempt: int = 1
    held_by: str = ""

    @property
    def hold(self) -> bytes:
        """What tells this hold from any other, also from another hold on the same message.

        >>> Delivery(body=b"", queue="q_feeder.ingest", exchange="xs_alice", tag=7, epoch=2).hold
        b'q_feeder.ingest 2 7'
        """
        return f"{self.held_by or self.queue} {self.epoch} {self.tag}".encode()


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message to publish. ``mandatory`` asks the broker to say when no queue takes it."""

    body: bytes
    exchange: str
    routing_key: str
    content_type: str
    headers: Mapping[str, Any] = {}
    mandatory: bool = False
