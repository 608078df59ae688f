"""How Deliveries and Messages cross from one stage of a pipeline to the next: as MessagePack, never pickled."""

from typing import Any

import msgspec
from apache_beam.coders import Coder, registry

from winnowry.schemas.delivery import Delivery, Message

_encoder = msgspec.msgpack.Encoder(order="sorted")


class StructCoder(Coder):
    """Encodes one kind of msgspec struct; equal elements have equal bytes.

    >>> coder = StructCoder(Message)
    >>> message = Message(body=b"{}", exchange="xpublic", routing_key="v03.a", content_type="application/json")
    >>> coder.decode(coder.encode(message)) == message
    True
    """

    def __init__(self, kind: type[msgspec.Struct]) -> None:
        self.kind = kind
        self._decoder = msgspec.msgpack.Decoder(kind)

    def encode(self, value: Any) -> bytes:
        """Return the bytes of a struct."""
        return _encoder.encode(value)

    def decode(self, encoded: bytes) -> Any:
        """Return the struct of these bytes."""
        return self._decoder.decode(encoded)

    def is_deterministic(self) -> bool:
        """Whether equal elements have equal bytes: yes, so they may be keys."""
        return True

    def to_type_hint(self) -> type:
        """Return the kind of struct."""
        return self.kind

    @classmethod
    def from_type_hint(cls, typehint: Any, _registry: Any) -> "StructCoder":
        """Return the coder of a kind of struct."""
        return cls(typehint)

    def __reduce__(self) -> tuple[Any, ...]:
        return StructCoder, (self.kind,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StructCoder) and self.kind is other.kind

    def __hash__(self) -> int:
        return hash(self.kind)


for _kind in (Delivery, Message):
    registry.register_coder(_kind, StructCoder)
