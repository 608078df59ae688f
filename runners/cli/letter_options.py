"""Options that say which dead letters are meant."""

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from winnowry.runners.cli.options import naming
from winnowry.runners.cluster.problem import nearest
from winnowry.runners.cluster.units import parse_duration
from winnowry.schemas.errors import ConfigError
from winnowry.schemas.outcome import Ending
from winnowry.schemas.reasons import Reason

if TYPE_CHECKING:
    from winnowry.runners.chosen_letters import Wanted

Place = Annotated[
    Path, typer.Argument(metavar="FILE", help="Cluster file, or the folder of a `winnowry subscribe`.", show_default=False)
]
LetterName = Annotated[
    str, typer.Argument(metavar="NAME", help="The letter's name, as `list` shows it; its beginning is enough.")
]
LetterNames = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="Names, as `list` shows them; beginnings are enough.")
]
Everything = Annotated[bool, typer.Option("--all", help="All of them, where nothing else says which.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show which they are.")]
Pumps = Annotated[list[str] | None, typer.Option("--pump", metavar="PUMP", help="Only those of this pump.")]
Reasons = Annotated[list[str] | None, typer.Option("--reason", metavar="CODE", help="Only those with this reason.")]
Endings = Annotated[list[str] | None, typer.Option("--ending", metavar="ENDING", help="Only those that ended so.")]
Sources = Annotated[list[str] | None, typer.Option("--source", metavar="USER", help="Only those of this source.")]
Paths = Annotated[list[str] | None, typer.Option("--path", metavar="GLOB", help="Only those of such files, as in `**/*.bufr`.")]
Older = Annotated[str | None, typer.Option("--older-than", metavar="TIME", help="Only those from before, as in `2d`.")]
Newer = Annotated[str | None, typer.Option("--newer-than", metavar="TIME", help="Only those from since then, as in `1h`.")]

_BURIED = (Ending.FAILED, Ending.MALFORMED, Ending.REFUSED, Ending.QUARANTINED)


def wanted_letters(
    *,
    pump: Pumps,
    reason: Reasons,
    ending: Endings,
    source: Sources,
    path: Paths,
    older_than: Older,
    newer_than: Newer,
) -> "Wanted":
    """Return what the options ask for. Raises ConfigError, naming the option that is wrong."""
    from winnowry.runners.chosen_letters import Wanted  # noqa: PLC0415 the broker's client takes 0.1 s to import

    now = time.time_ns()
    return Wanted(
        pumps=frozenset(pump or ()),
        reasons=_known("--reason", reason, [reason.code for reason in Reason]),
        endings=_known("--ending", ending, [ending.value for ending in _BURIED]),
        sources=frozenset(source or ()),
        paths=tuple(path or ()),
        before=_ago("--older-than", older_than, now),
        after=_ago("--newer-than", newer_than, now),
    )


def _known(option: str, words: list[str] | None, known: Sequence[str]) -> frozenset[str]:
    for word in words or ():
        if word not in known:
            raise ConfigError(f"{option}: nothing is called `{word}`; {nearest(word, known)}")
    return frozenset(words or ())


def _ago(option: str, written: str | None, now: int) -> int | None:
    if written is None:
        return None
    with naming(option):
        return now - parse_duration(written) // timedelta(microseconds=1) * 1000
