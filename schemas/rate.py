"""How much has passed in a window of time, and how late it was."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import msgspec

from winnowry.schemas.delivery import Message
from winnowry.schemas.errors import Malformed
from winnowry.schemas.reasons import Reason
from winnowry.schemas.times import read_time, write_time
from winnowry.schemas.topics import topic_of

MOST = 2**63 - 1
"""What sums end at: more, Avro and other programs cannot read."""

Dimension = Literal["all", "source", "consumer"]


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Partial sums of a window; added up in whatever order and groups, they give the same.

    ``good`` and ``bad`` count messages, the bytes are those of the files they tell of, the lags are in microseconds. None of
    them is below nothing.
    """

    good: int = 0
    bad: int = 0
    good_bytes: int = 0
    bad_bytes: int = 0
    lag_sum: int = 0
    lag_max: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        """Return both together.

        >>> Sums(good=1, lag_max=7) + Sums(good=2, lag_max=5)
        Sums(good=3, bad=0, good_bytes=0, bad_bytes=0, lag_sum=0, lag_max=7)
        """
        return Sums(
            good=min(self.good + other.good, MOST),
            bad=min(self.bad + other.bad, MOST),
            good_bytes=min(self.good_bytes + other.good_bytes, MOST),
            bad_bytes=min(self.bad_bytes + other.bad_bytes, MOST),
            lag_sum=min(self.lag_sum + other.lag_sum, MOST),
            lag_max=max(self.lag_max, other.lag_max),
        )


class Slot(NamedTuple):
    """What sums are for: a window, from ``begin`` until before ``end`` (Unix nanoseconds), and whose messages they count."""

    begin: int
    end: int
    dimension: Dimension
    key: str


class Rate(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a speedo says of one window of time, and of one source, one consumer, or all.

    ``begin`` and ``end`` are times as a Post has them; the window begins with the one and ends before the other. ``key`` names
    the source or the consumer, and is empty for all. The other fields are those of `Sums`.

    A window that was told may be told again. Its Rate for all comes first: it takes the place of everything that its pump has
    told of this window before (`standing`).
    """

    cluster: str
    pump: str
    begin: str
    end: str
    dimension: Dimension
    key: str = ""
    good: int = 0
    bad: int = 0
    good_bytes: int = 0
    bad_bytes: int = 0
    lag_sum: int = 0
    lag_max: int = 0

    @property
    def sums(self) -> Sums:
        """Its figures."""
        return Sums(**{name: getattr(self, name) for name in Sums.__struct_fields__})


_decoder = msgspec.json.Decoder(Rate)
_encoder = msgspec.json.Encoder()


def rate_of(slot: Slot, sums: Sums, *, cluster: str, pump: str) -> Rate:
    """Return the Rate that tells these sums."""
    figures: dict[str, Any] = msgspec.structs.asdict(sums)
    begin, end = write_time(slot.begin), write_time(slot.end)
    return Rate(cluster=cluster, pump=pump, begin=begin, end=end, dimension=slot.dimension, key=slot.key, **figures)


def write_rate(rate: Rate) -> bytes:
    """Return the body of a Rate, one JSON object.

    >>> read_rate(write_rate(Rate(cluster="c", pump="p", begin="20260101T000000.0", end="20260101T000010.0",
    ...     dimension="all", good=3))).good
    3
    """
    return _encoder.encode(rate)


def read_rate(body: bytes) -> Rate:
    """Read the body of a Rate. Raises Malformed."""
    try:
        rate = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(Reason.BODY_UNREADABLE, f"no Rate: {error}") from None
    read_time(rate.begin, "begin")
    read_time(rate.end, "end")
    return rate


def standing(rates: Iterable[Rate]) -> list[Rate]:
    """Return the Rates that count, of all that came in this order.

    >>> first, again = (Rate(cluster="c", pump="p", begin="b", end="e", dimension="all", good=good) for good in (1, 2))
    >>> [rate.good for rate in standing([first, again])]
    [2]
    """
    windows: dict[tuple[str, ...], dict[tuple[str, str], Rate]] = defaultdict(dict)
    for rate in rates:
        window = windows[rate.cluster, rate.pump, rate.begin, rate.end]
        if rate.dimension == "all":
            window.clear()
        window[rate.dimension, rate.key] = rate
    return [rate for window in windows.values() for rate in window.values()]


def topic_of_rate(rate: Rate) -> str:
    """Return the topic of a Rate.

    >>> topic_of_rate(Rate(cluster="c", pump="count", begin="", end="", dimension="source", key="alice"))
    'v03.rate.count.source.alice'
    """
    words = ("rate", rate.pump, rate.dimension, *((rate.key,) if rate.key else ()))
    return topic_of("/".join((*words, "")))


def message_of(rate: Rate, exchange: str) -> Message:
    """Return the message that tells a Rate."""
    return Message(body=write_rate(rate), exchange=exchange, routing_key=topic_of_rate(rate), content_type="application/json")


def window_at(moment: int, length: int) -> tuple[int, int]:
    """Return begin and end of the window that holds a moment; windows of one length begin at multiples of it since 1970.

    All three are in nanoseconds.

    >>> window_at(25, 10)
    (20, 30)
    """
    begin = moment // length * length
    return begin, begin + length
