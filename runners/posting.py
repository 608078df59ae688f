"""`winnowry post`: announce files, with a progress bar where a terminal is there."""

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from winnowry.io.amqp import AmqpSettings, connect
from winnowry.io.broker import Broker, Topology
from winnowry.io.examine import found
from winnowry.io.walk import Found, walk
from winnowry.pipelines.post import post
from winnowry.pipelines.pump import Pump
from winnowry.runners.collector import spare_the_collector
from winnowry.runners.direct.engine import DirectEngine
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.edge import OutputEdge
from winnowry.schemas.errors import ConfigError, Terminal, Transient
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

ROUND = 500
STOPPED = 130
"""The exit code of a poster that was asked to end: what it has not come to is not announced."""
COLUMNS = (SpinnerColumn(), TextColumn("{task.completed:,.0f} {task.description}"), TimeElapsedColumn())


class Complaints:
    """The desk of a poster: nobody is there to try again later, so what cannot be announced is said at once.

    ``seen_all`` says that everything has been looked at.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self.count = 0
        self.seen_all = False

    def say(self, error: Transient | Terminal) -> None:
        """Say what could not even be looked at."""
        self.count += 1
        self._console.print(f"not announced: {error}", style="red", markup=False)

    def postpone(self, outcome: Outcome) -> Message | None:
        """Say what could not be announced."""
        return self.bury(outcome)

    def bury(self, outcome: Outcome) -> Message | None:
        """Say what could not be announced."""
        self.say(Terminal(outcome.reason, outcome.detail))
        return None

    def report(self, outcome: Outcome) -> Message | None:
        """Return nothing: a source does not report to itself."""
        return None


def post_paths(paths: Sequence[Path], *, broker: str, exchange: str, base_url: str, base_dir: Path) -> int:
    """Announce files, and folders with all that is below them, as they are seen from ``base_dir``.

    Returns 0 when every announcement is confirmed, 1 when something could not be announced, ``STOPPED`` when it was asked to
    end before. Raises ConfigError for a path outside ``base_dir``, Unreachable or Terminal where the broker cannot be had.
    """
    console = Console(stderr=True)
    complaints = Complaints(console)
    connection = connect(AmqpSettings(urls=(broker,), name="winnowry post"))
    connection.declare(Topology())
    engine = poster(paths, broker=connection, exchange=exchange, base_url=base_url, base_dir=base_dir, complaints=complaints)
    spare_the_collector()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: engine.stop())
    with Progress(*COLUMNS, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("announced", total=None)
        engine.run(until_idle=True, watch=lambda: progress.update(task, completed=engine.over))
    connection.close()
    console.print(f"{engine.ended(Ending.ANNOUNCED)} announced to {exchange}", highlight=False)
    if not complaints.seen_all or engine.status()["unsettled"]:
        console.print("stopped before all was announced", style="red")
        return STOPPED
    return 1 if complaints.count else 0


def poster(
    paths: Sequence[Path], *, broker: Broker, exchange: str, base_url: str, base_dir: Path, complaints: Complaints
) -> DirectEngine:
    """Return the engine that announces these paths. Raises ConfigError for a path outside ``base_dir``."""
    folder = base_dir.resolve()
    names = [_below(path, folder) for path in paths]
    public = OutputEdge(exchange=exchange, unheard=True)
    pump = Pump(name="post", kind="post", cluster="", account="", public=public, base_url=base_url, root=folder)
    supply = _supply(folder, names, complaints)
    return DirectEngine(pump, post, source=broker, target=broker, desk=complaints, supply=supply, limit=ROUND)


def _below(path: Path, folder: Path) -> str:
    """Return a path as it is seen from the folder; the folder itself is the empty path."""
    resolved = path.parent.resolve() / path.name if path.name not in ("", "..") else path.resolve()
    if not resolved.is_relative_to(folder):
        raise ConfigError(f"{path} is not below {folder}, the folder that --base-url shows; say --base-dir")
    relative = os.fspath(resolved.relative_to(folder))
    return "" if relative == "." else relative


def _supply(folder: Path, names: Iterable[str], complaints: Complaints) -> Iterator[Delivery]:
    number = 0
    for name in names:
        if not os.path.lexists(folder / name):
            complaints.say(Terminal(Reason.NOT_FOUND, name))
        for thing in walk(folder, name):
            if isinstance(thing, Found):
                number += 1
                yield found(thing.path, number)
            else:
                complaints.say(thing)
    complaints.seen_all = True
