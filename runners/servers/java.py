"""Programs for Java, started from a folder of jars or from one jar that holds everything."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from winnowry.runners.servers.owned import Owned, require
from winnowry.schemas.errors import ConfigError

PROGRAMS = {"java": "openjdk-17-jre-headless"}
"""What has to be installed, with the Debian package that has it."""

_OPENED = ("java.lang", "java.nio", "java.util", "java.time", "sun.net.util")
"""Packages that Flink looks into by reflection, which Java allows no more of itself since 16."""

_FLAGS = (
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
    "-Djava.net.preferIPv4Stack=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS",
    # Two lines a checkpoint would be the bulk of the log; REST tells of the last one.
    "-Dorg.slf4j.simpleLogger.log.org.apache.flink.runtime.checkpoint.CheckpointCoordinator=warn",
)


def start_java(
    main: str,
    arguments: Sequence[str],
    *,
    jars: Path,
    log: Path,
    heap: str,
    temporary: Path,
    flags: Sequence[str] = (),
    without: Sequence[str] = (),
) -> Owned:
    """Start the program whose class is ``main``; ``heap`` is the most memory for its objects, as in `512m`.

    Its temporary files go below ``temporary``, which is removed when the process that started it is gone; what is in ``log``
    from the last time is kept beside it, ending in `.1`. Raises ConfigError where Java or the jars are missing.
    """
    require(PROGRAMS)
    path = class_path(jars, without)
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
    temporary.mkdir(parents=True, exist_ok=True)
    command = ["java", f"-Xmx{heap}", f"-Djava.io.tmpdir={temporary}", *_FLAGS, *flags, "-cp", path, main, *arguments]
    return Owned(command, log=log, scratch=temporary)


def class_path(jars: Path, without: Sequence[str] = ()) -> str:
    """Return what Java is told of ``jars``, a folder of jars or one jar.

    Of a folder, jars are left out whose names begin with one of ``without``. Raises ConfigError where there is none.
    """
    if jars.is_file():
        return str(jars.resolve())
    found = sorted(str(jar.resolve()) for jar in jars.glob("*.jar") if not jar.name.startswith(tuple(without)))
    if not found:
        raise ConfigError(f"{jars}: no jars of Flink are here; `make flink` assembles them in build/flink/lib")
    return ":".join(found)


def write_config(folder: Path, settings: Mapping[str, object]) -> Path:
    """Write Flink's settings into a folder as Flink reads them (`config.yaml`), and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (f"{key}: {json.dumps(str(value))}\n" for key, value in settings.items())
    (folder / "config.yaml").write_text("".join(lines))
    return folder
