"""How Arrivals cross from the readers to the shards of the memory: in lists, as MessagePack, never pickled."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from winnowry.schemas.arrival import Arrival, Claim


class Parcel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An Arrival on its way to the gate, with its claim if it can have one; or a departure to be remembered, without one.

    ``foreign`` holds the fields of its Post that this software does not know, ``blocks`` and ``file_op`` those that may hold
    anything, as raw JSON: MessagePack would not keep the first as they came, and has no place for all numbers of the others.
    """

    claim: Claim | None = None
    arrival: Arrival | None = None
    foreign: Mapping[str, bytes] = {}
    blocks: bytes = b""
    file_op: bytes = b""

    @classmethod
    def of(cls, arrival: Arrival, claim: Claim | None = None) -> "Parcel":
        """Wrap an Arrival and what it claims."""
        post = arrival.post
        if not post.foreign and post.blocks is None and post.file_op is None:
            return cls(claim=claim, arrival=arrival)
        foreign = {name: bytes(value) for name, value in post.foreign.items()}
        bare = replace(arrival, post=replace(post, foreign={}, blocks=None, file_op=None))
        return cls(claim=claim, arrival=bare, foreign=foreign, blocks=_json(post.blocks), file_op=_json(post.file_op))

    def unwrap(self) -> Arrival | None:
        """Return the Arrival as it was."""
        if self.arrival is None or not (self.foreign or self.blocks or self.file_op):
            return self.arrival
        foreign = {name: msgspec.Raw(value) for name, value in self.foreign.items()}
        blocks = msgspec.json.decode(self.blocks) if self.blocks else None
        file_op = msgspec.json.decode(self.file_op) if self.file_op else None
        return replace(self.arrival, post=replace(self.arrival.post, foreign=foreign, blocks=blocks, file_op=file_op))


def _json(value: object) -> bytes:
    return msgspec.json.encode(value) if value is not None else b""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Parcel])


def pack(parcels: Iterable[Parcel]) -> bytes:
    """Return the bytes of a list of Parcels."""
    return _encoder.encode(list(parcels))


def unpack(packed: bytes) -> list[Parcel]:
    """Return what ``pack`` packed."""
    return _decoder.decode(packed)
