"""What the verbs of `winnowry flink` share: their options, and how they act on several pumps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from winnowry.runners.cluster.load import load_cluster
from winnowry.runners.cluster.problem import nearest
from winnowry.schemas.errors import ConfigError, Transient

if TYPE_CHECKING:
    from winnowry.runners.flink.operate import Operator
    from winnowry.runners.flink.rest import Rest

PumpNames = Annotated[list[str] | None, typer.Argument(metavar="[PUMP]...", help="Pumps; all of them when none is named.")]
PumpName = Annotated[str, typer.Argument(metavar="PUMP", help="The pump.")]
Master = Annotated[
    str | None,
    typer.Option("--flink", metavar="HOST:PORT", help="Flink's REST interface, instead of `engine: master`."),
]
Into = Annotated[
    str | None, typer.Option("--into", metavar="URL", help="Where savepoints go, instead of Flink's `state.savepoints.dir`.")
]
From = Annotated[str | None, typer.Option("--from", metavar="URL", help="The savepoint or checkpoint to go on from.")]
Afresh = Annotated[bool, typer.Option("--afresh", help="Begin with nothing remembered, whatever there is to go on from.")]
Bare = Annotated[bool, typer.Option("--without-savepoint", help="Make no savepoint: the last checkpoint has to do.")]
Patience = Annotated[float, typer.Option("--wait", metavar="SECONDS", help="How long a pump may take until all of it runs.")]


class Pumps:
    """The pumps of a cluster file that a verb is about, and the Flink that they run on.

    Raises ConfigError for a pump that is not in the file, or where nothing says which Flink.
    """

    def __init__(self, file: Path, names: list[str] | None, master: str | None, credentials: Path | None) -> None:
        self.cluster = load_cluster(file, credentials)
        known = list(self.cluster.settings.pumps)
        for name in names or []:
            if name not in known:
                raise ConfigError(f"no pump is called `{name}`; {nearest(name, known)}")
        self.names = list(dict.fromkeys(names or known))
        asked = master or self.cluster.settings.engine.master
        if asked is None:
            raise ConfigError("which Flink? Say `engine: {name: flink, master: HOST:PORT}` in the file, or --flink HOST:PORT")
        self.master = asked

    def rest(self) -> "Rest":
        """Return how Flink is asked."""
        from winnowry.runners.flink.rest import Rest  # noqa: PLC0415 imports requests

        return Rest(f"http://{self.master}")

    def operator(self, into: str | None) -> "Operator":
        """Return what operates them."""
        from winnowry.runners.flink.operate import Operator  # noqa: PLC0415 imports requests

        return Operator(self.cluster, self.rest(), into=into)

    def each(self, act: Callable[[str], dict[str, Any]], sentence: str, *, as_json: bool) -> None:
        """Act on each pump and tell what came of it, in JSON or by ``sentence``; end with 1 when something failed."""
        rows, failed = [], False
        for name in self.names:
            try:
                row = {"pump": name} | act(name)
            except Transient as error:
                failed = True
                row = {"pump": name, "error": error.detail}
            rows.append(row)
            if not as_json:
                typer.echo(f"{name}: {row['error']}" if "error" in row else sentence.format_map(row), err="error" in row)
        if as_json:
            typer.echo(json.dumps(rows))
        if failed:
            raise typer.Exit(1)
