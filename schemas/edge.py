"""Where Posts enter and leave a pump."""

from typing import Literal

import msgspec

InputKind = Literal["user", "feeder", "internal"]


class InputEdge(msgspec.Struct, frozen=True, kw_only=True):
    """An input of a pump: one queue, and how far its announcers are believed.

    ``user``: a source's own exchange; ``user`` names it and its source and cluster are stamped, whatever the Post says.
    ``feeder``: another cluster's public exchange; the source is kept, our own cluster as origin is refused.
    ``internal``: already validated by a pump of ours.
    """

    kind: InputKind
    queue: str
    exchange: str
    user: str = ""

    @property
    def name(self) -> str:
        """What this edge is called in the memory of what was announced, in Reports and in metrics."""
        return self.exchange


class OutputEdge(msgspec.Struct, frozen=True, kw_only=True):
    """An output of a pump. ``unheard`` says that an announcement nobody listens to is normal, not a reason to hold."""

    exchange: str
    unheard: bool = False
