"""What of a pump the audit looks at: its exchanges, queues and folders."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from winnowry.io.dead import dead_queue
from winnowry.io.later import DELAYS, later_queue
from winnowry.runners.cluster.accounts import keeps_on_disk, reports
from winnowry.runners.cluster.kinds import FETCHING
from winnowry.runners.cluster.layouts import layout_of
from winnowry.runners.cluster.load import Cluster
from winnowry.runners.cluster.rules import targets
from winnowry.runners.cluster.wiring import inputs, wiring
from winnowry.schemas.edge import InputEdge
from winnowry.transforms.layout import Layout


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One pump as the audit sees it.

    ``keys`` are the binding keys of its input queues, ``outputs`` its exchanges, ``reports`` the one its Reports go to, None
    for none. ``source`` and ``target`` are URLs, with passwords, of the brokers it reads from and announces to; ``later`` and
    ``dead`` are its queues there. ``keeps`` says that its files stay where they are put: a consumer may take them away.
    """

    name: str
    kind: str
    inputs: tuple[InputEdge, ...] = ()
    keys: tuple[str, ...] = ("#",)
    outputs: tuple[str, ...] = ()
    reports: str | None = None
    source: tuple[str, ...] = field(default=(), repr=False)
    target: tuple[str, ...] = field(default=(), repr=False)
    later: tuple[str, ...] = ()
    dead: str = ""
    base_url: str = ""
    layout: Layout = field(default_factory=Layout)
    anywhere: bool = False
    root: Path = Path()
    state: Path = Path()
    instances: int = 1
    keeps: bool = True

    @property
    def reports_each(self) -> bool:
        """Whether every ending has a Report."""
        return self.reports is not None and self.kind in FETCHING

    @property
    def announces(self) -> bool:
        """Whether what ends well is seen on its outputs."""
        return self.kind != "subscribe"

    @property
    def remembers(self) -> bool:
        """Whether it ends repeats."""
        return self.kind != "shovel"

    @property
    def by_source(self) -> bool:
        """Whether equal paths of several sources are different files."""
        return self.kind == "sarra" and self.layout.separates_sources


def subjects_of(cluster: Cluster, names: Iterable[str] = ()) -> list[Subject]:
    """Return the pumps of a cluster, or those with these names; a `speedo` counts copies, and is not audited.

    Raises ConfigError where a password is not known.
    """
    pumps = cluster.settings.pumps
    return [_subject(cluster, name) for name in tuple(names) or pumps if pumps[name].kind != "speedo"]


def _subject(cluster: Cluster, name: str) -> Subject:
    pump, wires = cluster.settings.pumps[name], wiring(cluster, name)
    ours = not keeps_on_disk(cluster.settings, pump)
    account = wires.target_account
    return Subject(
        name=name,
        kind=pump.kind,
        inputs=inputs(cluster.settings, name),
        keys=tuple(dict.fromkeys(key for queue in wires.topology.queues for _, key in queue.bindings)),
        outputs=tuple(targets(pump)),
        reports=reports(cluster.settings, pump),
        source=wires.source,
        target=wires.target,
        later=tuple(later_queue(account, name, delay) for delay in DELAYS) if ours else (),
        dead=dead_queue(account, name).name if ours else "",
        base_url=pump.base_url.format(host=socket.getfqdn()),
        layout=layout_of(pump),
        anywhere=pump.same == "data",
        root=cluster.data,
        state=cluster.state / name,
        instances=pump.instances,
    )
