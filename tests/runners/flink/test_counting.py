"""What is counted on Flink: by Beam's local engine, and by hand with checkpoints that complete and failures that set back."""

from collections.abc import Iterable
from functools import partial
from itertools import count
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.utils.timestamp import Timestamp
from arrivals import INTERNAL, NOW, a_delivery, an_arrival
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from winnowry.runners.flink.access import Access
from winnowry.runners.flink.counting import KEY, VOID, Counting, _Call, add_up, figures_of
from winnowry.runners.flink.ticks import Tick, merge, pack_ticks, unpack_sums
from winnowry.schemas.arrival import Arrival
from winnowry.schemas.rate import Rate, Slot, Sums, rate_of, standing, window_at
from winnowry.schemas.report import Report
from winnowry.transforms.meter import Whose
from winnowry.transforms.meter import add_up as add_up_at_once

COUNTING = Counting(
    cluster="ddi.example.org",
    pump="count",
    seconds=10.0,
    since=1000 * 10**9,
    exchange="xrates",
    target=Access(urls=("amqp://localhost/",), credentials=None),
    keep=1000,
)
SECOND = 10**9
_seen: dict[int, list[tuple[Slot, Sums]]] = {}
_runs = count()


def note(element: tuple[bytes, bytes], window: Any = beam.DoFn.WindowParam, *, run: int) -> None:
    _seen[run].extend(figures_of(element[1], window))


def counted(arrivals: Iterable[Arrival]) -> dict[Whose, Sums]:
    """Return the sums of all windows that Beam's local engine makes of Arrivals."""
    run = next(_runs)
    _seen[run] = []
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        sums, _ = add_up(pipeline | beam.Create(list(arrivals), reshuffle=False), COUNTING)
        sums | "note" >> beam.Map(partial(note, run=run))
    added: dict[Whose, Sums] = {}
    for slot, found in _seen.pop(run):
        merge(added, {(slot.dimension, slot.key): found})
    return added


def said(number: int, tag: int, **fields: Any) -> Arrival:
    delivery = a_delivery(INTERNAL, body=f"{number}".encode(), tag=tag)
    return an_arrival(INTERNAL, delivery, size=number, **fields)


def bare(sums: dict[Whose, Sums]) -> dict[Whose, Sums]:
    """Return sums without what depends on when they were counted."""
    return {whose: replace(found, lag_sum=0, lag_max=0) for whose, found in sums.items()}


def test_the_same_input_gives_the_same_sums_as_on_direct() -> None:
    posts = [said(number, number, source="alice" if number % 3 else "bob") for number in range(500)]
    reports = [
        replace(said(number, 500 + number, source="alice"), report=Report(code=201 if number % 2 else 499, user="carol"))
        for number in range(100)
    ]
    assert bare(counted([*posts, *reports])) == bare(add_up_at_once([*posts, *reports], int(NOW * 1e9)))


def test_twins_are_two_messages() -> None:
    assert counted([said(7, 1), said(7, 2)])["all", ""].good == 2


class Bag:
    """State as Beam hands it to a DoFn."""

    def __init__(self, content: list[bytes]) -> None:
        self.content = content

    def read(self) -> list[bytes]:
        return list(self.content)

    def add(self, blob: bytes) -> None:
        self.content.append(blob)

    def clear(self) -> None:
        self.content.clear()


class Cell(Bag):
    """State of one value."""

    def read(self) -> Any:
        return self.content[0] if self.content else None

    def write(self, blob: bytes) -> None:
        self.content[:] = [blob]


class Flink:
    """A broker's queue and a job that counts it, whose checkpoints complete, and which is set back to the last, by hand.

    Each message has a twin next to it, which is handed out and settled with it: others cannot always be told apart.
    """

    def __init__(self) -> None:
        self.now, self.epoch, self.tags = 1000 * SECOND, 1, count(1)
        self.told_until = 0
        self.queue: list[int] = []
        self.handed_out: list[tuple[int, Arrival]] = []
        self.delivered_before: set[int] = set()
        self.settling: list[int] = []
        self.rates: list[Rate] = []
        self.pages: list[bytes] = []
        self.left: list[bytes] = []
        self.windows: dict[int, dict[Whose, Sums]] = {}
        self.call = self._new_call()
        self.snapshot = self._snapshot()

    def _new_call(self) -> _Call:
        call = _Call(COUNTING)
        call.setup()
        return call

    def _snapshot(self) -> tuple[Any, ...]:
        return list(self.pages), list(self.left), {begin: dict(sums) for begin, sums in self.windows.items()}

    def take(self, most: int) -> None:
        """Hand out messages, and count them."""
        taken = self.queue[:most]
        del self.queue[:most]
        ticks = []
        for message in taken:
            delivery = a_delivery(INTERNAL, body=f"{message // 2}".encode(), tag=next(self.tags), epoch=self.epoch)
            delivery = replace(delivery, redelivered=message in self.delivered_before)
            arrival = an_arrival(INTERNAL, delivery, size=1, source=f"s{message % 2}")
            self.handed_out.append((message, arrival))
            self.delivered_before.add(message)
            ticks.append(Tick.of(arrival, self.now))
        if ticks:
            self._count(pack_ticks(ticks))

    def _count(self, packed: bytes) -> None:
        at = Timestamp(micros=self.now // 1000)
        for output in self.call.process((KEY, packed), at, Bag(self.pages), Cell(self.left)):
            if isinstance(output, TaggedOutput):
                assert output.tag == VOID
                self._tell(output.value, {("all", ""): Sums()})
            else:
                begin, _ = window_at(int(output.timestamp.micros) * 1000, COUNTING.length)
                merge(self.windows.setdefault(begin, {}), unpack_sums(output.value[1]))

    def _tell(self, begin: int, sums: dict[Whose, Sums]) -> None:
        self.told_until = max(self.told_until, begin + COUNTING.length)
        for whose, found in sums.items():
            slot = Slot(begin, begin + COUNTING.length, *whose)
            self.rates.append(rate_of(slot, found, cluster="c", pump="p"))

    def wait(self, seconds: int) -> None:
        """Let time pass, and windows end."""
        self.now += seconds * SECOND
        for begin in sorted(self.windows):
            if begin + COUNTING.length <= self.now:
                sums = self.windows.pop(begin)
                self._tell(begin, dict(sorted(sums.items(), key=lambda entry: entry[0][0] != "all")))

    def checkpoint(self) -> None:
        """Complete a checkpoint: what the one before holds is settled."""
        settled, self.settling = set(self.settling), [message for message, _ in self.handed_out]
        self.handed_out = [one for one in self.handed_out if one[0] not in settled]
        self.snapshot = self._snapshot()

    def reconnect(self) -> None:
        """Lose the channel: what is not settled is handed out again, to a job that goes on."""
        self.queue[:0] = [message for message, _ in self.handed_out]
        self.handed_out, self.settling = [], []
        self.epoch, self.tags = self.epoch + 1, count(1)

    def set_back(self) -> None:
        """Fail, and begin again from the last checkpoint."""
        pages, left, windows = self.snapshot
        self.pages, self.left = list(pages), list(left)
        self.windows = {begin: dict(sums) for begin, sums in windows.items()}
        self.call = self._new_call()
        self.reconnect()


DEEDS = ("announce", "take", "take", "wait", "wait", "checkpoint", "reconnect", "set back", "clock back")


@example(["announce", "take", "wait", "wait", "wait", "set back"])  # a window was told of which no checkpoint knows
@settings(max_examples=300)
@given(st.lists(st.sampled_from(DEEDS), max_size=30))
def test_whatever_sets_it_back_the_sums_that_stand_are_what_passed(deeds: list[str]) -> None:
    flink, messages = Flink(), count()
    published = 0
    for deed in deeds:
        match deed:
            case "announce":
                flink.queue += [next(messages) for _ in range(6)]
                published += 6
            case "take":
                flink.take(4)
            case "wait":
                flink.wait(7)
            case "checkpoint":
                flink.checkpoint()
            case "clock back":
                # not past the end of a window that was told, which is not promised
                flink.now = min(flink.now, max(flink.now - 5 * SECOND, flink.told_until))
                flink.set_back()
            case "reconnect":
                flink.reconnect()
            case "set back":
                flink.set_back()
    flink.take(10_000)
    flink.wait(300)
    stood = standing(flink.rates)
    assert sum(rate.good for rate in stood if rate.dimension == "all") == published
    assert sum(rate.good for rate in stood if rate.dimension == "source") == published
