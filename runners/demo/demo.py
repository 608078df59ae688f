"""Run the network of the demonstration on a tree of awkward files, and judge what came of it."""

import contextlib
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from winnowry.runners.demo.compare import Tree, differences, flip_a_byte, survey
from winnowry.runners.demo.course import Course
from winnowry.runners.demo.flink import ROOM, OnFlink
from winnowry.runners.demo.network import CONSUMERS, EXCHANGES, SOURCES, Network
from winnowry.runners.demo.progress import Bars
from winnowry.runners.demo.rehearsal import rehearse
from winnowry.runners.demo.summary import LATER, Evidence, render, summarise
from winnowry.runners.demo.taps import Taps
from winnowry.runners.demo.tree import plant, sow
from winnowry.runners.demo.watch import Watch
from winnowry.runners.servers import nginx, rabbitmq
from winnowry.runners.servers.owned import missing
from winnowry.schemas.errors import ConfigError, WinnowryError

_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Demo:
    """One run. ``largest`` is the size of the largest file in bytes; ``files`` how many regular files each source has.

    ``keep`` leaves the folder behind; ``damage`` flips a byte of a delivered file, to show that this is noticed;
    ``in_memory`` does without servers, as is done anyway where RabbitMQ is not installed. ``flink`` runs the pumps there.
    """

    files: int = 3000
    largest: int = 200_000_000
    keep: bool = False
    damage: bool = False
    in_memory: bool = False
    flink: OnFlink | None = None
    console: Console = field(default_factory=Console)

    def run(self) -> int:
        """Return 0 when both consumers have exactly what was announced, else 1 having said why."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # also where whoever started us had it ignored
        with _folder(self.keep, self._room, self.console) as folder:
            try:
                complaints = self._run_in(folder)
            except ConfigError:
                raise
            except WinnowryError as error:
                complaints = [str(error)]
        for complaint in complaints[:_SHOWN]:
            self.console.print(f"✗ {complaint}", style="red", markup=False, highlight=False, soft_wrap=True)
        if len(complaints) > _SHOWN:
            self.console.print(f"✗ and {len(complaints) - _SHOWN} more", style="red", highlight=False)
        return 1 if complaints else 0

    def _run_in(self, folder: Path) -> list[str]:
        absent = missing(rabbitmq.PROGRAMS | nginx.PROGRAMS) if self.flink is None else []
        if absent and not self.in_memory:
            self._say(f"{' '.join(absent)} is not installed: the same pumps run on a broker in memory, in this process.")
        if absent or self.in_memory:
            return rehearse(folder, files=self.files, largest=self.largest, damage=self.damage, console=self.console)
        self._say(f"Starting {self._servers}; making a tree of {self.files:,} files for each of two sources ...")
        with ThreadPoolExecutor() as threads:
            trees = [threads.submit(plant, folder / name, files=self.files, largest=self.largest) for name in SOURCES]
            with Network(folder, remove=not self.keep, flink=self.flink) as network, ExitStack() as watching:
                for tree in trees:
                    tree.result()
                watches = {name: watching.enter_context(Watch(network.tree(name))) for name in CONSUMERS}
                self._say("Starting the pumps and two consumers ...")
                taps = network.start()
                complaints = self._move(network, taps, watches)
                watching.close()
                return complaints or self._judge(network, taps, watches)

    def _move(self, network: Network, taps: Taps, watches: Mapping[str, Watch]) -> list[str]:
        """Both sources announce their trees, and then, when all is calm again, one of them a little more."""
        first = SOURCES[0]
        tree = survey(network.tree(first))
        with Bars(self.console, _totals(tree)) as bars:
            for source in reversed(SOURCES):
                network.post(source)
            course = Course(network=network, taps=taps, watches=watches, tree=tree, bars=bars, patience=self._patience)
            if complaints := replace(course, kill_a_server=True).follow():
                return complaints
            sow(network.tree(first) / LATER)
            network.post(first, LATER)
            return replace(course, tree=survey(network.tree(first))).follow()

    def _judge(self, network: Network, taps: Taps, watches: Mapping[str, Watch]) -> list[str]:
        announced = {exchange: taps.read(exchange) for exchange in EXCHANGES}
        network.drain()
        tree = survey(network.tree(SOURCES[0]))
        arrived = {name: watch.arrived for name, watch in watches.items()}
        render(summarise(Evidence(announced=announced, arrived=arrived, tree=tree)), self.console)
        if self.damage:
            flip_a_byte(network.tree(CONSUMERS[0]), tree)
        public = Counter(sighting.path for sighting in announced["xpublic"])
        repeated = [f"{path!r} was announced publicly {public[path]} times" for path in tree if public[path] != 1]
        complaints = self._found("every path was announced publicly, once", repeated)
        for name in CONSUMERS:
            wrong = differences(tree, survey(network.tree(name)))
            complaints += self._found(f"{name}'s tree is identical to what was announced, in content, mode and mtime", wrong)
            grown = [f"{path!r} was to be seen before it was complete" for path in sorted(watches[name].grown & tree.keys())]
            complaints += self._found(f"{name} never saw an incomplete file", grown)
        return complaints

    def _found(self, claim: str, against: Sequence[str]) -> list[str]:
        if not against:
            self.console.print(f"✓ {claim}", style="green", highlight=False, soft_wrap=True)
            return []
        return [f"not so: {claim}", *against]

    @property
    def _room(self) -> int:
        trees = (len(SOURCES) + len(CONSUMERS) + 2) * (self.largest + 20_000 * self.files)
        return trees + (ROOM if self.flink is not None else 0)

    @property
    def _patience(self) -> float:
        return 60.0 if self.flink is None else 180.0  # a TaskManager that is slow makes everybody wait

    @property
    def _servers(self) -> str:
        flink = self.flink
        if flink is None:
            return "a broker and three file servers"
        return f"a broker, three file servers and {'a Flink cluster' if flink.standalone else 'a Flink for each pump'}"

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)


def _totals(tree: Tree) -> dict[str, int]:
    files = sum(entry.kind != "folder" for entry in tree.values())
    sources = dict.fromkeys((f"xs_{source}" for source in SOURCES), len(tree))
    return sources | {"xwinnow": len(tree), "xpublic": len(tree)} | dict.fromkeys(CONSUMERS, files)


@contextlib.contextmanager
def _folder(keep: bool, room: int, console: Console) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="winnowry-demo-"))
    try:
        if shutil.disk_usage(folder).free < room:
            raise ConfigError(
                f"{folder} is on a disk with less than {room / 1e9:.1f} GB free; set TMPDIR to a folder with more"
            )
        yield folder
    finally:
        if keep:
            console.print(f"Everything is kept in {folder}", highlight=False)
        else:
            shutil.rmtree(folder, ignore_errors=True)
