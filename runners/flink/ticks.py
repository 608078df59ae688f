"""What crosses between the steps that count: messages measured and not yet known to be new, and sums; as MessagePack."""

from collections.abc import Iterable, Mapping

import msgspec

from winnowry.schemas.arrival import Arrival
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.rate import Sums
from winnowry.transforms.meter import Whose, concerned, measure


class Tick(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One message: what it adds to whose sums, and by what it is known when it comes again."""

    queue: str
    epoch: int
    tag: int
    redelivered: bool
    identity: bytes
    sums: Sums
    whose: tuple[Whose, ...]

    @classmethod
    def of(cls, arrival: Arrival, now: int) -> "Tick":
        """Measure an Arrival; ``now`` is in Unix nanoseconds."""
        delivery = arrival.delivery
        return cls(
            queue=delivery.held_by or delivery.queue,
            epoch=delivery.epoch,
            tag=delivery.tag,
            redelivered=delivery.redelivered,
            identity=arrival.identity,
            sums=measure(arrival, now),
            whose=tuple(concerned(arrival)),
        )

    @property
    def delivery(self) -> Delivery:
        """As much of its Delivery as tells it from others."""
        return Delivery(body=b"", queue=self.queue, exchange="", tag=self.tag, epoch=self.epoch, redelivered=self.redelivered)


_encode = msgspec.msgpack.Encoder().encode
_ticks = msgspec.msgpack.Decoder(list[Tick])
_sums = msgspec.msgpack.Decoder(list[tuple[Whose, Sums]])


def pack_ticks(ticks: Iterable[Tick]) -> bytes:
    """Return the bytes of ticks."""
    return _encode(list(ticks))


def unpack_ticks(packed: bytes) -> list[Tick]:
    """Return what ``pack_ticks`` packed."""
    return _ticks.decode(packed)


def add_ticks(ticks: Iterable[Tick]) -> dict[Whose, Sums]:
    """Return the sums of all these."""
    sums: dict[Whose, Sums] = {}
    for tick in ticks:
        merge(sums, dict.fromkeys(tick.whose, tick.sums))
    return sums


def merge(sums: dict[Whose, Sums], more: Mapping[Whose, Sums]) -> None:
    """Add more to these sums."""
    for whose, found in more.items():
        before = sums.get(whose)
        sums[whose] = found if before is None else before + found


def pack_sums(sums: Mapping[Whose, Sums]) -> bytes:
    """Return the bytes of sums, those for all first."""
    return _encode(sorted(sums.items(), key=lambda entry: (entry[0][0] != "all", entry[0])))


def unpack_sums(packed: bytes) -> dict[Whose, Sums]:
    """Return what ``pack_sums`` packed, in the same order."""
    return dict(_sums.decode(packed))
