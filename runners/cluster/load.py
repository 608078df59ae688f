"""Load a cluster file, or say everything that is wrong with it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from winnowry.runners.cluster.complaint import complain, shown
from winnowry.runners.cluster.document import Document, dotted, parse_document
from winnowry.runners.cluster.problem import ClusterFileError, Problem
from winnowry.runners.cluster.rules import Breach, breaches
from winnowry.runners.cluster.settings import ClusterSettings
from winnowry.runners.credentials import Credentials, read_credentials
from winnowry.schemas.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A checked cluster file: its settings, its folders made absolute, and the passwords, with the file that has them."""

    settings: ClusterSettings
    data: Path
    state: Path
    credentials: Credentials
    credentials_file: Path | None = None

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.settings.cluster


def load_cluster(file: Path, credentials: Path | None = None) -> Cluster:
    """Read and check a cluster file; ``credentials`` replaces the credentials file that it names.

    Raises ClusterFileError with all that is wrong, ConfigError where a file cannot be read.
    """
    settings = load_settings(file)
    folder = file.resolve().parent
    named = folder / settings.credentials if settings.credentials is not None else None
    chosen = credentials.resolve() if credentials is not None else named
    return replace(cluster_of(settings, folder, read_credentials(chosen)), credentials_file=chosen)


def cluster_of(settings: ClusterSettings, folder: Path, credentials: Credentials) -> Cluster:
    """Return the cluster that these settings describe; relative paths are seen from ``folder``.

    Raises ConfigError where what is remembered would lie among files whose names announcers choose.
    """
    state = folder / settings.state if settings.state is not None else default_state(os.environ) / settings.cluster
    data = folder / settings.data
    if state.resolve().is_relative_to(data.resolve()):
        raise ConfigError(f"state: {state} lies below {data}, where announcers choose the names of files")
    if settings.engine.jars is not None:
        engine = settings.engine.model_copy(update={"jars": folder / settings.engine.jars})
        settings = settings.model_copy(update={"engine": engine})
    return Cluster(settings=settings, data=data, state=state, credentials=credentials)


def default_state(environment: Mapping[str, str]) -> Path:
    """Return ``$XDG_STATE_HOME/winnowry``, the folder of what all clusters of this user remember."""
    home = environment.get("XDG_STATE_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".local" / "state")
    return Path(home) / "winnowry"


def load_settings(file: Path) -> ClusterSettings:
    """Read and check a cluster file, without looking for passwords. Raises as ``load_cluster`` does."""
    try:
        source = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: the cluster file is not text in UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{file}: cannot read the cluster file: {error.strerror}") from error
    document = parse_document(source)
    settings, problems = _judge(document)
    if settings is None or problems:
        raise ClusterFileError(file, source, problems)
    return settings


def _judge(document: Document) -> tuple[ClusterSettings | None, list[Problem]]:
    if not isinstance(document.data, dict):
        return None, document.problems or [_not_a_mapping(document)]
    try:
        settings = ClusterSettings.model_validate(document.data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, [*document.problems, *(complain(document, detail) for detail in details)]
    return settings, [*document.problems, *(_problem(document, breach) for breach in breaches(settings))]


def _not_a_mapping(document: Document) -> Problem:
    text = f"a cluster file is a mapping that begins with `cluster:`, not {shown(document.data)}"
    return Problem(place=document.place((), of_value=True), key="", text=text)


def _problem(document: Document, breach: Breach) -> Problem:
    return Problem(
        place=document.place(breach.path, of_value=not breach.of_key), key=dotted(document.known(breach.path)), text=breach.text
    )
