"""What would keep a pump on Flink from working without a word: each gets a sentence, before it runs or while it starts."""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from winnowry.runners.cluster.engine import Engine
from winnowry.runners.flink.rest import OVER, Rest, Vertex
from winnowry.schemas.errors import ConfigError, Transient
from winnowry.schemas.reasons import Reason

SOUND = (2, 76)
"""The first version of Beam's job server whose checkpoints do not grow with each bundle (apache/beam#27648)."""

WORKERLESS_SECONDS = 30.0
"""Seconds that a stage may wait for its worker until somebody is told."""

_HELD_FOR = 2
"""Checkpoints that pass until what was read is acknowledged: one that holds it, and one that surely came after that."""

_JAR = re.compile(r"beam-runners-flink-[\d.]+-(?:job-server-)?(\d+)\.(\d+)")


def check_engine(engine: Engine) -> None:
    """Raise ConfigError where these settings let nothing flow, or less than `rate`."""
    seconds = engine.checkpoints.total_seconds()
    if seconds <= 0:
        raise ConfigError("engine.checkpoints: without checkpoints nothing is acknowledged, and nothing remembered")
    if (sentence := too_small(engine.prefetch * engine.readers, seconds, engine.rate)) is not None:
        raise ConfigError(f"engine.prefetch: {sentence}")


def most_per_second(prefetch: int, seconds: float) -> float:
    """Return how many messages a second can pass with this prefetch, and so many seconds between two checkpoints.

    >>> most_per_second(20_000, 2.0)
    5000.0
    """
    return prefetch / (_HELD_FOR * seconds)


def too_small(prefetch: int, seconds: float, rate: float) -> str | None:
    """Return a sentence where this prefetch cannot carry ``rate`` messages a second; None where it can.

    >>> too_small(20_000, 1.0, rate=9_000)
    >>> too_small(2_000, 2.0, rate=1_000)
    'prefetch 2000 lets at most 500 messages a second pass with checkpoints every 2 s; 1000 a second need prefetch 4000'
    """
    most = most_per_second(prefetch, seconds)
    if most >= rate:
        return None
    need = round(rate * seconds * _HELD_FOR)
    passing = f"prefetch {prefetch} lets at most {most:.0f} messages a second pass with checkpoints every {seconds:g} s"
    return f"{passing}; {rate:g} a second need prefetch {need}"


def version_of(jars: Path) -> tuple[int, int] | None:
    """Return the version of Beam of a job server, a folder of jars or one jar; None where names do not tell."""
    names = [jars.name] if jars.is_file() else [path.name for path in jars.glob("*.jar")]
    found = [(int(match[1]), int(match[2])) for name in names if (match := _JAR.match(name))]
    return max(found, default=None)


def too_old(version: tuple[int, int] | None) -> str | None:
    """Return a sentence about a job server whose checkpoints grow; None for one that is sound, or of unknown version.

    >>> too_old((2, 77))
    >>> too_old((2, 62))
    'job server 2.62: before 2.76 each checkpoint keeps some kilobytes for ever (beam#27648); use a newer one in production'
    """
    if version is None or version >= SOUND:
        return None
    sound = ".".join(map(str, SOUND))
    grows = f"before {sound} each checkpoint keeps some kilobytes for ever (beam#27648)"
    return f"job server {version[0]}.{version[1]}: {grows}; use a newer one in production"


def workerless(stages: Sequence[Vertex]) -> str | None:
    """Return a sentence about stages that have waited too long for a worker; None while there is none."""
    waiting = [stage for stage in stages if stage.state in ("INITIALIZING", "DEPLOYING") and stage.seconds > WORKERLESS_SECONDS]
    if not waiting:
        return None
    return (
        f"it has waited {max(stage.seconds for stage in waiting):.0f} s for workers: is a pool of them up at each "
        "TaskManager (`winnowry flink workers`)? If it is Beam's own, has the first `python` in its PATH winnowry?"
    )


def wait_until_it_runs(rest: Rest, job: str, *, seconds: float, warn: Callable[[str], object]) -> None:
    """Wait until all stages of a job run; ``warn`` is told once where they wait for workers.

    Raises Transient when the job is over before, or when it takes longer.
    """
    deadline, sentence = time.monotonic() + seconds, None
    while not _runs(stages := rest.vertices(job)):
        if sentence is None and (sentence := workerless(stages)):
            warn(sentence)
        if (state := rest.state(job)) in OVER:
            raise Transient(Reason.SERVER_ERROR, f"its job is {state.lower()}: {rest.trouble(job)}")
        if time.monotonic() > deadline:
            late = f"its job does not run after {seconds:.0f} s ({state.lower()})"
            raise Transient(Reason.TIMED_OUT, sentence or _slotless(rest, stages) or late)
        time.sleep(0.2)


def _slotless(rest: Rest, stages: Sequence[Vertex]) -> str | None:
    if not any(stage.state in ("CREATED", "SCHEDULED") for stage in stages):
        return None
    flink = rest.overview()
    return f"Flink has no slot for it: of {flink.slots}, on {flink.task_managers} TaskManagers, {flink.free_slots} are free"


def _runs(stages: Sequence[Vertex]) -> bool:
    return bool(stages) and all(stage.state in ("RUNNING", "FINISHED") for stage in stages)
