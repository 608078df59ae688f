"""A pump on a broker in memory that meets trouble: real files, real sockets, a clock that moves when there is only waiting."""

from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, fields
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any, Self

import msgspec
from audits import watch_fake
from engines import Station, a_pump
from relays import ALICE, DEAD, HEARD, REPORTED, Clock, a_file, a_station, announce, said
from witness import Witness

from winnowry.io.files import Files
from winnowry.pipelines.pump import Pump
from winnowry.schemas.edge import InputEdge
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.post import Post
from winnowry.transforms.patience import Patience

PATIENCE = Patience(attempts=5, delays=(10.0,))


@dataclass(frozen=True, kw_only=True)
class Impatient(Pump):
    """A pump that gives a silent server a second, and trusts ``certificates`` where that names a file."""

    certificates: str = ""

    @property
    def files(self) -> Files:
        plain = msgspec.structs.replace(super().files, stall_timeout=1.0, connect_timeout=1.0)
        return msgspec.structs.replace(plain, certificates=self.certificates) if self.certificates else plain


def a_served_file(url: str, path: str, content: bytes, at: float = 0.0, **more: Any) -> Post:
    """Return the Post of a file that a server has below ``url``."""
    digest = b64encode(sha512(content).digest()).decode()
    post = a_file(path, "", at, base_url=url)
    return msgspec.structs.replace(
        post, **{"size": len(content), "fingerprint": Fingerprint(method="sha512", value=digest)} | more
    )


class Course:
    """One pump, the folder ``root`` it fills, and a ``witness`` who sees every file of it appear.

    ``folders`` are those in which files will appear.
    """

    def __init__(
        self, folder: Path, *, kind: str = "sarra", certificates: str = "", folders: tuple[str, ...] = ("",), **settings: Any
    ) -> None:
        self.server = a_station()
        plain = a_pump(kind, folder, **{"patience": PATIENCE} | settings)
        self.pump = Impatient(certificates=certificates, **{one.name: getattr(plain, one.name) for one in fields(Pump)})
        self.root = self.pump.root
        self.witness = Witness(self.root, folders)
        self.allow: tuple[str, ...] = ()
        self.outcomes: dict[str, int] = {}
        self._station = Station(self.server, folder, self.pump)
        self._stack = ExitStack()
        self._audit = self._stack.enter_context(watch_fake(self.server, self.pump))

    def announce(self, *posts: Post, edge: InputEdge = ALICE) -> None:
        for post in posts:
            announce(self.server, post, edge)

    def run(self, watch: Callable[[], object] = lambda: None) -> dict[str, int]:
        """Run until nothing is left to do, not even later; return how many Outcomes of each kind there were."""

        def pass_time() -> None:
            before = self.clock.now
            watch()
            status = self.status()
            if self.clock.now == before and status["later"] and not (status["parked"] or status["waiting"]):
                self._station.clock.now += 10

        self.outcomes = self._station.run(pass_time)["outcomes"]
        return self.outcomes

    @property
    def clock(self) -> Clock:
        return self._station.clock

    def status(self) -> dict[str, Any]:
        return self._station.engine.status()

    def retried(self, reason: str) -> int:
        """How often something has been put off for this reason."""
        return int(self.status()["outcomes"].get(f"retried:{reason}", 0))

    def endings(self) -> dict[str, int]:
        """How many Outcomes there were of each kind that is over."""
        return {how: count for how, count in self.outcomes.items() if not how.startswith("retried")}

    @property
    def announced(self) -> list[str]:
        """The paths of what was announced, in order."""
        return [path for path, _ in said(self.server.bodies(HEARD))]

    @property
    def dead(self) -> int:
        return len(self.server.bodies(DEAD))

    @property
    def reports(self) -> int:
        return len(self.server.bodies(REPORTED))

    def shown(self, *, ended: bool = True) -> dict[str, set[str]]:
        """What has been seen under final names: SHA-256 by path. All that is there must have been seen, and no leftovers."""
        there = {str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir()}
        self.witness.wait(len(there))
        assert not ended or there == set(self.witness.names), there ^ set(self.witness.names)
        return self.witness.digests

    def __enter__(self) -> Self:
        self._stack.enter_context(self.witness)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._station.close()
        with self._stack:
            if kind is None:
                self._audit.check(0.0, allow=self.allow)


def once(happens: Callable[[], object], act: Callable[[], object]) -> Callable[[], None]:
    """Return what to do at each turn: ``act``, at the first one at which ``happens`` is true."""
    left = [act]

    def watch() -> None:
        if left and happens():
            left.pop()()

    return watch


def digests(**contents: bytes) -> dict[str, set[str]]:
    """What ``shown`` returns when each of these was seen with this content alone."""
    return {path: {sha256(content).hexdigest()} for path, content in contents.items()}
