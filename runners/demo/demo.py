"""Run the network of the demonstration on a tree of awkward files, and judge what came of it."""

import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from winnowry.runners.demo.compare import Tree, differences, survey
from winnowry.runners.demo.network import CONSUMERS, EXCHANGES, SOURCES, Network
from winnowry.runners.demo.progress import Bars
from winnowry.runners.demo.summary import Evidence, render, summarise
from winnowry.runners.demo.taps import Taps
from winnowry.runners.demo.tree import plant
from winnowry.runners.demo.watch import Watch
from winnowry.schemas.errors import ConfigError, WinnowryError

_STUCK_SECONDS = 60.0
_QUIET_SECONDS = 1.5
_TICK = 0.2
_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Demo:
    """One run. ``largest`` is the size of the largest file in bytes; ``files`` how many regular files each source has.

    ``keep`` leaves the folder behind; ``damage`` flips a byte of a delivered file, to show that this is noticed.
    """

    files: int = 3000
    largest: int = 200_000_000
    keep: bool = False
    damage: bool = False
    console: Console = field(default_factory=Console)

    def run(self) -> int:
        """Return 0 when both consumers have exactly what was announced, else 1 having said why."""
        _turn_termination_into_exit()
        with _folder(self.keep, self._room, self.console) as folder:
            try:
                complaints = self._run_in(folder)
            except WinnowryError as error:
                if isinstance(error, ConfigError):
                    raise
                complaints = [str(error)]
        for complaint in complaints[:_SHOWN]:
            self.console.print(f"✗ {complaint}", style="red", markup=False, highlight=False, soft_wrap=True)
        if len(complaints) > _SHOWN:
            self.console.print(f"✗ and {len(complaints) - _SHOWN} more", style="red")
        return 1 if complaints else 0

    def _run_in(self, folder: Path) -> list[str]:
        self._say("Starting a broker and three file servers ...")
        with Network(folder) as network, ExitStack() as stack:
            self._say(f"Making one tree of {self.files:,} files for each of two sources ...")
            for source in SOURCES:
                plant(network.tree(source), files=self.files, largest=self.largest)
            tree = survey(network.tree(SOURCES[0]))
            watches = {name: stack.enter_context(Watch(network.tree(name))) for name in CONSUMERS}
            self._say("Starting the pumps and two consumers ...")
            taps = network.start()
            complaints = _Course(network, taps, watches, tree, self.console).run()
            stack.close()
            announced = {exchange: taps.read(exchange) for exchange in EXCHANGES}
            network.drain()
            arrived = {name: watch.arrived for name, watch in watches.items()}
            render(summarise(Evidence(announced=announced, arrived=arrived, tree=tree)), self.console)
            if self.damage:
                _flip_a_byte(network.tree(CONSUMERS[0]), tree)
            return complaints + self._judge(network, watches, tree)

    def _judge(self, network: Network, watches: dict[str, Watch], tree: Tree) -> list[str]:
        complaints = []
        for consumer in CONSUMERS:
            found = differences(tree, survey(network.tree(consumer)))
            grown = sorted(watches[consumer].grown & tree.keys())
            complaints += [f"{consumer}: {difference}" for difference in found]
            complaints += [f"{consumer}: {path!r} was to be seen before it was complete" for path in grown]
            if not found:
                self._approve(f"{consumer}'s tree is identical to what was announced, in content, mode and mtime")
            if not grown:
                self._approve(f"{consumer} never saw an incomplete file")
        return complaints

    @property
    def _room(self) -> int:
        return (len(SOURCES) + len(CONSUMERS) + 2) * (self.largest + 20_000 * self.files)

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False)

    def _approve(self, text: str) -> None:
        self.console.print(f"✓ {text}", style="green", highlight=False)


@dataclass
class _Course:
    """From the first announcement until everything has arrived and nothing moves any more."""

    network: Network
    taps: Taps
    watches: dict[str, Watch]
    tree: Tree
    console: Console

    def run(self) -> list[str]:
        for source in SOURCES:
            self.network.post(source)
        total = len(self.tree)
        files = sum(entry.kind != "folder" for entry in self.tree.values())
        totals = {"xs_alice": total, "xs_bob": total, "xwinnow": 2 * total, "xpublic": total, "carol": files, "dave": files}
        with Bars(self.console, totals) as bars:
            return self._follow(bars)

    def _follow(self, bars: Bars) -> list[str]:
        counts: dict[str, int] = {}
        moved = time.monotonic()
        while True:
            self.network.check()
            before, counts = counts, self._counts()
            bars.show(counts)
            moved = moved if counts == before else time.monotonic()
            still = time.monotonic() - moved
            self._kill_bobs_server(counts, bars)
            if still > _QUIET_SECONDS and not (missing := self._missing()):
                return []
            if still > _STUCK_SECONDS:
                return [f"nothing has moved for {_STUCK_SECONDS:.0f} s", *missing]
            time.sleep(_TICK)

    def _counts(self) -> dict[str, int]:
        arrivals = {name: len(watch.arrived.keys() & self.tree.keys()) for name, watch in self.watches.items()}
        return {exchange: self.taps.count(exchange) for exchange in EXCHANGES} | arrivals

    def _missing(self) -> list[str]:
        lacking = {name: sum(not _exists(self.network.tree(name) / path) for path in self.tree) for name in CONSUMERS}
        return [f"{name} lacks {count} of {len(self.tree)}" for name, count in lacking.items() if count]

    def _kill_bobs_server(self, counts: dict[str, int], bars: Bars) -> None:
        server = self.network.servers["bob"]
        if server.running and counts["xpublic"] > len(self.tree) // 3:
            server.kill()
            bars.say(f"bob's file server has just been killed, with {counts['xpublic']:,} announcements public")


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _flip_a_byte(root: Path, tree: Tree) -> None:
    name = next(path for path, entry in tree.items() if entry.kind == "file" and entry.size)
    content = bytearray((root / name).read_bytes())
    content[0] ^= 1
    (root / name).write_bytes(content)


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


def _turn_termination_into_exit() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
