"""Programs that fetch files, each as its users would run it: what a benchmark lets run side by side."""

import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from brokers import Vhost
from clusters import Cluster
from contenders import TUNED
from sr3 import Sr3
from trees import SourceTree

from winnowry.runners.servers.owned import Owned

IN, OUT = "xin", "xout"
BASE_URL = "http://127.0.0.1/"
CONNECTIONS = 16
COPY_AND_CHECK = Path(__file__).parents[1] / "bench" / "copy_and_check.py"


@dataclass(frozen=True, kw_only=True)
class Course:
    """Where one contender runs: a virtual host with the exchanges ``xin`` and ``xout``, files at ``url``, a fresh folder."""

    vhost: Vhost
    source: SourceTree
    url: str
    folder: Path
    stack: ExitStack = field(repr=False)

    @property
    def data(self) -> Path:
        """Where the files are to be."""
        return self.folder / "data"


class Fetcher(Protocol):
    """A program that can bring all files of a course into its folder."""

    name: str
    queue: str
    """Where it takes announcements from; empty where it needs none, and announces nothing."""

    only_large: bool
    """Whether it is a measure for large files alone."""

    def prepare(self, course: Course) -> None:
        """Declare its queue, bound to the exchange ``xin``, or write down what it is to fetch."""

    def start(self, course: Course) -> Sequence[Owned]:
        """Begin to fetch."""


class Winnowry:
    """`winnowry run` with one `sarra`, in one process."""

    name = "winnowry"
    queue = "q_feeder.pump"
    only_large = False

    def prepare(self, course: Course) -> None:
        course.vhost.queue(self.queue, IN)

    def start(self, course: Course) -> Sequence[Owned]:
        cluster = Cluster(course.vhost, course.folder)
        course.stack.enter_context(cluster.stack)
        pump = f"pump: {{kind: sarra, from: {IN}, to: {OUT}, base_url: '{BASE_URL}', layout: '{{rel_path}}'}}"
        cluster.write(pump, exchanges=f"[{IN}]")
        return [cluster.start()]


class SarraceniaV3:
    """sr3's `sarra` with these options, in so many processes that share a queue."""

    queue = "q_guest.pump"
    only_large = False

    def __init__(self, name: str, processes: int = 1, **options: object) -> None:
        self.name = name
        self._processes = processes
        self._options = options

    def prepare(self, course: Course) -> None:
        course.data.mkdir()
        self._program(course).run("sr3", "declare", "sarra/pump")

    def start(self, course: Course) -> Sequence[Owned]:
        program = self._program(course)
        if self._processes > 1:
            return program.start_instances("sarra", "pump", self._processes)
        return [program.start("sarra", "pump")]

    def _program(self, course: Course) -> Sr3:
        program = Sr3(course.folder / "home", course.stack)
        given = {"broker": course.vhost.url, "exchange": IN, "queueName": self.queue, "topicPrefix": "v03", "subtopic": "#"}
        place = {"mirror": True, "directory": course.data, "baseDir": course.data, "instances": self._processes}
        target = {"post_broker": course.vhost.url, "post_exchange": OUT, "post_baseDir": course.data, "post_baseUrl": BASE_URL}
        program.configure("sarra", "pump", **given, **place, **target, **self._options)
        return program


class Curl:
    """One curl that is given all URLs, and checks nothing."""

    queue = ""
    only_large = False

    def __init__(self, name: str, *options: str) -> None:
        self.name = name
        self._options = options

    def prepare(self, course: Course) -> None:
        lines = (f'url = "{course.url}{name}"\noutput = "{course.data / name}"\n' for name in course.source.names)
        (course.folder / "curl.conf").write_text("".join(lines))

    def start(self, course: Course) -> Sequence[Owned]:
        command = ["curl", "--silent", "--fail", "--create-dirs", *self._options, "--config", str(course.folder / "curl.conf")]
        return [_owned(course, command)]


class CopyAndCheck:
    """`cp` of one file after the other, each read through and compared with its checksum before it gets its name."""

    name = "cp + checksum"
    queue = ""
    only_large = True

    def prepare(self, course: Course) -> None:
        course.data.mkdir()

    def start(self, course: Course) -> Sequence[Owned]:
        return [_owned(course, [sys.executable, str(COPY_AND_CHECK), str(course.source.root), str(course.data)])]


def _owned(course: Course, command: Sequence[str]) -> Owned:
    program = Owned(command, log=course.folder / "program.log")
    course.stack.callback(program.kill)
    return program


def fetchers() -> tuple[Fetcher, ...]:
    """Return all contenders that there are on this machine."""
    curl = (
        Curl("curl, one connection"),
        Curl("curl, parallel", "--parallel", "--parallel-max", str(CONNECTIONS)),
    )
    return (
        Winnowry(),
        SarraceniaV3("sr3 as shipped"),
        SarraceniaV3("sr3 tuned", **TUNED),
        SarraceniaV3("sr3 tuned, four processes", 4, **TUNED),
        *(curl if shutil.which("curl") else ()),
        CopyAndCheck(),
    )
