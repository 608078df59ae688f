"""How a `speedo` counts on Flink: Beam's windows add up what is new, and their Rates are confirmed before their bundle ends.

::

    Arrivals ─▶ Sort (ticks, in lists) ─▶ Call (who was counted is known) ─▶ Window ─▶ Sum ─▶ Tell ─▶ exchange
                                           └─▶ windows that may have been told and were rolled back ─▶ Void ─▶ exchange

State, windows and what is acknowledged roll back together. After that, what no checkpoint holds comes again, and is counted in
later windows; windows that it was counted in before, and that were told already, are told again: those of which the state holds
something by themselves, the others as nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder, Coder
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec
from apache_beam.transforms.window import FixedWindows, GlobalWindow, IntervalWindow, TimestampedValue
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from winnowry.io.amqp import connect
from winnowry.runners.flink import clock
from winnowry.runners.flink.access import Access
from winnowry.runners.flink.roll_call import Left, RollCall, pack_left, unpack_left, windows_after
from winnowry.runners.flink.ticks import Tick, add_ticks, merge, pack_sums, pack_ticks, unpack_sums, unpack_ticks
from winnowry.runners.flink.window import ConfirmWindow
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.delivery import Message
from winnowry.schemas.rate import Slot, Sums, message_of, rate_of, window_at
from winnowry.transforms.meter import Meter, Whose

KEY = b"count"
"""The one key of all that counts: its order is that of the reader."""

NEW, VOID = "new", "void"

VOIDED_SECONDS = 1800
"""Seconds for which windows can have been told that no checkpoint knows of: the broker's patience with what is unsettled."""

_KEYED = tuple[bytes, bytes]


@dataclass(frozen=True, kw_only=True)
class Counting:
    """Counts for the pump ``pump`` of ``cluster`` in windows of ``seconds``, and tells Rates on an ``exchange`` of ``target``.

    ``keep`` is how many Deliveries of a queue may be unsettled. ``since`` is when the job was made (Unix nanoseconds): it
    counts in windows that begin later, of which nobody else has told.
    """

    cluster: str
    pump: str
    seconds: float
    since: int
    exchange: str
    target: Access
    keep: int

    @property
    def length(self) -> int:
        """The length of a window in nanoseconds."""
        return int(self.seconds * 1e9)

    def meter(self) -> beam.PTransform:
        """Return the transform that counts."""
        return CountInWindows(counting=self)


@dataclass(kw_only=True)
class CountInWindows(beam.PTransform):
    """Count Arrivals, and tell Rates of windows that are over."""

    counting: Counting

    def expand(self, arrivals: PCollection) -> PCollection:
        """Return the Outcomes of the Arrivals: all are counted, or were before."""
        sums, voids = add_up(arrivals, self.counting)
        sums | "Tell" >> beam.ParDo(_Tell(self.counting))
        voids | "Void" >> beam.ParDo(_TellVoid(self.counting))
        return arrivals | "Counted" >> Meter()


def add_up(arrivals: PCollection, counting: Counting) -> tuple[PCollection, PCollection]:
    """Return packed sums of what is new, in their windows, when those are over; and the beginnings of windows that are void."""
    ticks = arrivals | "Sort" >> beam.ParDo(_Sort()).with_output_types(_KEYED)
    called = ticks | "Call" >> beam.ParDo(_Call(counting)).with_output_types(_KEYED).with_outputs(VOID, main=NEW)
    windows = called[NEW] | "Window" >> beam.WindowInto(FixedWindows(counting.seconds))
    return windows | "Sum" >> beam.CombinePerKey(_Sum()), called[VOID]


class _Sort(beam.DoFn):
    """Collects the ticks of a bundle: one element, since an element costs more than what is in it."""

    def start_bundle(self) -> None:
        self.ticks: list[Tick] = []

    def process(self, arrival: Arrival) -> None:
        self.ticks.append(Tick.of(arrival, int(clock.now() * 1e9)))

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self.ticks:
            yield WindowedValue((KEY, pack_ticks(self.ticks)), Timestamp(clock.now()), (GlobalWindow(),))


class _Call(beam.DoFn):
    """Lets through the sums of what is new. After a rollback it lets windows be voided, told of which no state knows."""

    PAGES = BagStateSpec("pages", BytesCoder())
    LEFT = ReadModifyWriteStateSpec("left", BytesCoder())

    def __init__(self, counting: Counting) -> None:
        self.counting = counting

    def setup(self) -> None:
        self.kept: tuple[bytes, RollCall] | None = None

    def process(
        self,
        element: tuple[bytes, bytes],
        at: Any = beam.DoFn.TimestampParam,
        pages: Any = beam.DoFn.StateParam(PAGES),  # noqa: B008 - this is how Beam is told
        left: Any = beam.DoFn.StateParam(LEFT),  # noqa: B008
    ) -> Iterator[Any]:
        roll_call = self._roll_call(unpack_left(left.read() or b""), pages)
        before = roll_call.counted_at or self.counting.since
        ticks = unpack_ticks(element[1])
        new = roll_call.call(ticks, pages.read)
        now = self._moment(int(at.micros) * 1000, roll_call)
        if roll_call.replaced and (roll_call.counted_at or any(tick.redelivered for tick in ticks)):
            yield from self._voids(before, now)
        if new:
            self._write(roll_call, new, pages)
            yield TimestampedValue((KEY, pack_sums(add_ticks(new))), Timestamp(micros=now // 1000))
        next_left = roll_call.left(now if new else before)
        left.write(pack_left(next_left))
        self.kept = next_left.name, roll_call

    def _moment(self, at: int, roll_call: RollCall) -> int:
        """Return when is counted what came at this time; after a clock was set back, not in a window that is over already."""
        before, over = roll_call.counted_at, window_at(self.counting.since, self.counting.length)[1]
        if roll_call.replaced and at < before:
            return max(over, window_at(before, self.counting.length)[1])
        return max(at, before, over)

    def _roll_call(self, left: Left, pages: Any) -> RollCall:
        """Return the call as this process has it in memory, or as the state has it where that was rolled back."""
        kept, self.kept = self.kept, None
        return kept[1] if kept is not None and kept[0] == left.name else RollCall(left, pages.read, self.counting.keep)

    def _write(self, roll_call: RollCall, new: list[Tick], pages: Any) -> None:
        pages.add(roll_call.page(new))
        anew = roll_call.anew()
        if anew is not None:
            pages.clear()
            pages.add(anew)

    def _voids(self, before: int, now: int) -> Iterator[TaggedOutput]:
        most = int(VOIDED_SECONDS / self.counting.seconds) + 1
        for begin in windows_after(before, now, self.counting.length, most):
            yield TaggedOutput(VOID, begin)


class _Sum(beam.CombineFn):
    """Adds up packed sums."""

    def create_accumulator(self) -> bytes:
        return pack_sums({})

    def add_input(self, accumulator: bytes, sums: bytes) -> bytes:
        return self.merge_accumulators((accumulator, sums))

    def merge_accumulators(self, accumulators: Iterable[bytes]) -> bytes:
        merged: dict[Whose, Sums] = {}
        for packed in accumulators:
            merge(merged, unpack_sums(packed))
        return pack_sums(merged)

    def extract_output(self, accumulator: bytes) -> bytes:
        return accumulator

    def get_accumulator_coder(self) -> Coder:
        return BytesCoder()


class _Publish(beam.DoFn):
    """Publishes the Rates of windows; those for all are confirmed before the others, all of them before the bundle ends."""

    def __init__(self, counting: Counting) -> None:
        self.counting = counting

    def setup(self) -> None:
        self.target = connect(self.counting.target.settings(f"winnowry {self.counting.cluster} {self.counting.pump} tells"))

    def start_bundle(self) -> None:
        self.first: list[Message] = []
        self.others: list[Message] = []

    def tell(self, slot: Slot, sums: Sums) -> None:
        rate = rate_of(slot, sums, cluster=self.counting.cluster, pump=self.counting.pump)
        (self.first if slot.dimension == "all" else self.others).append(message_of(rate, self.counting.exchange))

    def finish_bundle(self) -> None:
        """Raises Unreachable where the broker does not confirm: the bundle fails, and its windows are told again."""
        for messages in (self.first, self.others):
            confirms = ConfirmWindow(self.target)
            confirms.publish(messages)
            confirms.wait()


class _Tell(_Publish):
    """Tells of windows that are over."""

    def process(self, element: tuple[bytes, bytes], window: Any = beam.DoFn.WindowParam) -> None:
        for slot, sums in figures_of(element[1], window):
            self.tell(slot, sums)


class _TellVoid(_Publish):
    """Tells of windows, by their beginnings, that nothing has passed in them."""

    def process(self, begin: int) -> None:
        self.tell(Slot(begin, begin + self.counting.length, "all", ""), Sums())


def figures_of(packed: bytes, window: IntervalWindow) -> Iterator[tuple[Slot, Sums]]:
    """Yield the sums of a window, those for all first."""
    begin, end = (int(moment.micros) * 1000 for moment in (window.start, window.end))
    for whose, sums in unpack_sums(packed).items():
        yield Slot(begin, end, *whose), sums
