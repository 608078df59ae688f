"""`winnowry audit`: whether everything that entered is accounted for."""

import json
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from winnowry.runners.bell import Bell
from winnowry.runners.cli.options import ClusterFile, CredentialsFile, Json, naming
from winnowry.runners.cli.shown import shown
from winnowry.runners.cluster.load import Cluster, load_cluster
from winnowry.runners.cluster.problem import nearest
from winnowry.runners.cluster.units import parse_duration
from winnowry.runners.cluster.wiring import wiring
from winnowry.schemas.errors import ConfigError, Terminal
from winnowry.schemas.reasons import Reason

if TYPE_CHECKING:
    from winnowry.runners.audit.audit import Audit
    from winnowry.runners.audit.decide import Verdict

Watched = Annotated[
    str | None,
    typer.Option("--for", metavar="TIME", help="Watch what enters for so long, as in `60s`, and decide what became of it."),
]
Settling = Annotated[str, typer.Option(metavar="TIME", help="How long what is underway then may take to end.")]
Pumps = Annotated[list[str] | None, typer.Option("--pump", metavar="PUMP", help="Only this pump; may be given several times.")]
READ_EVERY = 1.0
"""Seconds after which what the broker keeps for the audit is read."""
EXPIRES = 600.0
"""Seconds after which the broker removes the queues of an audit that was killed."""


def audit(
    file: ClusterFile,
    *,
    watched: Watched = None,
    settle: Settling = "30s",
    pumps: Pumps = None,
    as_json: Json = False,
    credentials: CredentialsFile = None,
) -> None:
    """Check a running cluster: that nothing is lost, that every ending has its reason, and every copy is what was announced.

    Without `--for` it looks at what is there now: queues, later work, dead letters, running pumps, the data root. With it, it
    keeps a copy of what crosses the cluster's exchanges for that time, and decides for each announcement that entered.
    Ctrl-C ends the time early. It ends with 1 when something is wrong. It changes nothing.

    Example: `winnowry audit cluster.yaml --for 60s`
    """
    cluster = load_cluster(file, credentials)
    _check_names(cluster, pumps or [])
    seconds = _seconds("--for", watched) if watched is not None else 0.0
    if seconds:
        _check_queues(cluster)
    verdict = _verdict(cluster, pumps or [], seconds, _seconds("--settle", settle), Console(stderr=True))
    if as_json:
        typer.echo(json.dumps(_described(verdict)))
    else:
        _show(verdict, Console(highlight=False))
    if verdict.findings:
        raise typer.Exit(1)


def _check_names(cluster: Cluster, names: list[str]) -> None:
    for name in names:
        if name not in cluster.settings.pumps:
            raise ConfigError(f"no pump is called `{name}`; {nearest(name, list(cluster.settings.pumps))}")


def _check_queues(cluster: Cluster) -> None:
    """Raise Terminal where the queue of a pump is missing: what is announced to it waits, and would be let go into ours."""
    from winnowry.io.amqp.presence import MISSING, look  # noqa: PLC0415 the broker's client takes 0.1 s to import
    from winnowry.io.amqp.settings import AmqpSettings  # noqa: PLC0415

    for name in cluster.settings.pumps:
        wires = wiring(cluster, name)
        presence = look(AmqpSettings(urls=wires.source), queues=[queue.name for queue in wires.topology.queues])
        for queue in (queue for queue, found in presence.items() if found == MISSING):
            raise Terminal(Reason.NOT_FOUND, f"{queue} of the pump {name} is not there; start the pump, then audit")


def _seconds(option: str, text: str) -> float:
    with naming(option):
        return parse_duration(f"{text}s" if text.isdecimal() else text).total_seconds()


def _verdict(cluster: Cluster, names: list[str], seconds: float, patience: float, console: Console) -> "Verdict":
    from winnowry.runners.audit.audit import Audit  # noqa: PLC0415 the broker's client takes 0.1 s to import
    from winnowry.runners.audit.subject import subjects_of  # noqa: PLC0415

    prefix = f"q_{{account}}.audit.{secrets.token_hex(4)}."
    with _ctrl_c() as early, Audit(subjects_of(cluster, names), prefix=prefix, expires=EXPIRES, tapped=seconds > 0) as running:
        if not seconds:
            return running.settle(0.0, whole=False)
        running.begin()
        _watch(running, seconds, early, console)
        running.close_the_door()
        with console.status("waiting for what is underway") as status:
            return running.settle(
                patience, whole=False, watch=lambda waiting: status.update(f"waiting for {waiting:,} that are underway")
            )


@contextmanager
def _ctrl_c() -> Iterator[Bell]:
    """Give a bell that the first Ctrl-C rings; the second ends the program."""
    pressed = Bell()

    def press(*_: object) -> None:
        pressed.ring()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _watch(running: "Audit", seconds: float, early: Bell, console: Console) -> None:
    """Read what enters for so long, or until somebody ends it early."""
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=40), TimeRemainingColumn())
    began = time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("watching what enters", total=seconds)
        while (left := seconds - (time.monotonic() - began)) > 0 and not early.wait(min(READ_EVERY, left)):
            running.gather()
            bar.update(task, completed=time.monotonic() - began)


def _described(verdict: "Verdict") -> dict[str, object]:
    findings = [{"kind": f.kind, "where": f.where, "detail": f.detail, "count": f.count} for f in verdict.findings]
    return {"findings": findings, "figures": verdict.figures}


def _show(verdict: "Verdict", console: Console) -> None:
    table = Table("pump or folder", "figures")
    for where, figures in verdict.figures.items():
        told = ", ".join(f"{name} {count:,}" for name, count in figures.items() if count)
        table.add_row(Text(shown(where)), Text(told or "nothing"))
    console.print(table)
    for found in verdict.findings:
        console.print(Text(f"✗ {shown(found)}", style="red"), soft_wrap=True)
    if not verdict.findings:
        console.print("✓ nothing is wrong", style="green")
