"""Read the queues of a pump for ever: Beam's ``UnboundedSource`` over a `Station`.

Elements are lists of Deliveries: a list costs what a single message would.
"""

from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.coders import Coder
from apache_beam.io.unbounded_source import CheckpointMark, ReadFromUnboundedSource, UnboundedReader, UnboundedSource
from apache_beam.pvalue import PBegin, PCollection
from apache_beam.utils.timestamp import Timestamp

import winnowry.runners.flink.station as stations
from winnowry.io.coders import StructCoder
from winnowry.runners.collector import spare_the_collector
from winnowry.runners.flink import clock
from winnowry.runners.flink.job import Reading
from winnowry.runners.flink.marks import Mark
from winnowry.runners.flink.station import Station
from winnowry.schemas.delivery import Delivery

LIST = 100
"""Deliveries in one element: 81 microseconds of CPU a message, where single ones cost 155."""

LISTS = 50
"""Elements in one bundle: its state and its announcements are written when it ends."""

READ_SECONDS = 0.5
"""Seconds for which a busy reader reads before its bundle ends; Beam's own 10 would hold checkpoints."""

POLL_SECONDS = 1
"""Seconds until an idle reader is asked again. Whole ones: Flink takes anything less for 0, and spins."""

WAIT_SECONDS = 0.2
"""Seconds that a reader waits for a message before it says that there is none."""

SLACK_SECONDS = 0.2
"""Seconds by which the watermark lags behind the clock; it moves while nothing arrives, or no window would close."""


class QueueMark(CheckpointMark):
    """A `Mark` as Beam wants it."""

    def __init__(self, mark: Mark) -> None:
        self.mark = mark

    def finalize_checkpoint(self) -> None:
        """Acknowledge what this mark allows."""
        stations.finalize(self.mark)


class QueueMarkCoder(Coder):
    """Encodes a `QueueMark`."""

    def __init__(self) -> None:
        self._coder = StructCoder(Mark)

    def encode(self, value: QueueMark) -> bytes:
        """Return its bytes."""
        return self._coder.encode(value.mark)

    def decode(self, encoded: bytes) -> QueueMark:
        """Return the mark."""
        return QueueMark(self._coder.decode(encoded))

    def is_deterministic(self) -> bool:
        """Whether equal marks have equal bytes: yes."""
        return True


@dataclass(frozen=True)
class QueueSource(UnboundedSource):
    """What the station called ``reader`` hands out. It is never split: a pump has as many of these as it has readers.

    Flink files a reader's position under the bytes of its source: they have to be the same in every process, or it looks in the
    share of another subtask and fails; and they stay in savepoints. So the source is a name; what it reads is told beside it.
    """

    reader: str

    def __reduce__(self) -> tuple[Any, ...]:
        return QueueSource, (self.reader,)

    def split(self, desired_num_splits: int, options: Any = None) -> list[UnboundedSource]:
        """Return this source alone: what Beam splits it into would all be read by one subtask."""
        return [self]

    def create_reader(self, options: Any, checkpoint_mark: QueueMark | None) -> "QueueReader":
        """Return a handle on the station, which goes on after the mark. Raises Unreachable, or ConfigError for a password."""
        return QueueReader(stations.station_for(self.reader, checkpoint_mark.mark if checkpoint_mark is not None else None))

    def get_checkpoint_mark_coder(self) -> Coder:
        """Return the coder of marks."""
        return QueueMarkCoder()


class QueueReader(UnboundedReader):
    """Hands out what has arrived, in lists."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._taken: list[Delivery] = []

    def start(self) -> bool:
        """Take the first list."""
        return self.advance()

    def advance(self) -> bool:
        """Take the next list; False when nothing has arrived."""
        self._taken = self._station.take(LIST, WAIT_SECONDS)
        return bool(self._taken)

    def get_current(self) -> list[Delivery]:
        """Return the list."""
        return self._taken

    def get_current_timestamp(self) -> Timestamp:
        """Return now: windows are by arrival."""
        return Timestamp(clock.now())

    def get_watermark(self) -> Timestamp:
        """Return a time before everything that is still to come."""
        return Timestamp(clock.now() - SLACK_SECONDS)

    def get_checkpoint_mark(self) -> QueueMark:
        """Return the mark of what was handed out so far."""
        return QueueMark(self._station.mark())

    def close(self) -> None:
        """Leave the station as it is: other readers go on with it."""


@dataclass(kw_only=True)
class ReadQueues(beam.PTransform):
    """Read a pump's queues for ever, and return Deliveries.

    Delivery: at least once; what no checkpoint holds when the job fails is delivered again.
    Parallelism: one reader a transform.
    Ordering: as the broker hands out.
    Settled when: a checkpoint has completed that surely holds what became of it.
    """

    reading: Reading

    def expand(self, begin: PBegin) -> PCollection:
        """Read lists, and unpack them in the same fused stage."""
        read = ReadFromUnboundedSource(
            QueueSource(self.reading.name),
            poll_interval=POLL_SECONDS,
            max_records_per_bundle=LISTS,
            max_read_time_seconds=READ_SECONDS,
        )
        return begin | "Read" >> read | "Unpack" >> beam.ParDo(_Unpack(self.reading)).with_output_types(Delivery)


class _Unpack(beam.DoFn):
    """Unpacks lists. Being in the reader's stage, it tells the reader's process where to read before anything is read."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    def setup(self) -> None:
        spare_the_collector()
        stations.prepare(self.reading)

    def process(self, deliveries: list[Delivery]) -> list[Delivery]:
        return deliveries
