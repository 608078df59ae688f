"""One instance of one pump, as a process."""

import argparse
import ctypes
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from winnowry.pipelines.pump import Pump
from winnowry.runners.cluster.load import load_cluster
from winnowry.runners.cluster.pumps import pump_of
from winnowry.runners.cluster.wiring import Wiring, wiring
from winnowry.runners.control import Control
from winnowry.runners.direct.assembly import assemble
from winnowry.runners.direct.engine import DirectEngine
from winnowry.schemas.errors import ConfigError, Terminal, Transient

log = structlog.get_logger(__name__)

PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an instance that a supervisor asked for, until it is drained. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="winnowry.runners.child")
    parser.add_argument("file", type=Path)
    parser.add_argument("pump")
    parser.add_argument("number", type=int)
    parser.add_argument("--credentials", type=Path)
    parser.add_argument("--until-idle", action="store_true")
    asked = parser.parse_args(arguments)
    tell()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        cluster = load_cluster(asked.file, asked.credentials)
        pump, wires = pump_of(cluster, asked.pump), wiring(cluster, asked.pump)
    except ConfigError as error:
        log.error(str(error))  # noqa: TRY400 - the person who reads it needs the sentence, not the traceback
        return 2
    return run_pump(pump, wires, until_idle=asked.until_idle, number=asked.number)


def tell() -> None:
    """Write what is worth telling to standard error; pika tells of every attempt to connect, and so do we."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO), logger_factory=_to_stderr)


def _to_stderr(*_: object) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)


def run_pump(pump: Pump, wires: Wiring, *, until_idle: bool = False, number: int = 1) -> int:
    """Run one instance in this process until SIGTERM or Ctrl-C, or until it is idle. Returns the exit code."""
    try:
        engine = assemble(pump, wires, number=number)
    except (Transient, Terminal) as error:
        log.error("the pump cannot start", pump=pump.name, error=str(error))  # noqa: TRY400 - as above
        return 1
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: engine.stop())
    with Control(pump.state / str(number) / "control.sock", answering(engine)):
        engine.run(until_idle=until_idle)
    return 0


def answering(engine: DirectEngine) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return the function that answers what is asked over the control socket."""

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        match request.get("do"):
            case "hold":
                engine.hold(str(request.get("reason", "")), by=str(request.get("by", "operator")))
            case "lift":
                engine.lift()
            case "drain":
                engine.stop()
            case "status":
                pass
            case unknown:
                return {"error": f"{unknown!r} is none of status, hold, lift, drain"}
        return engine.status()

    return answer


if __name__ == "__main__":
    sys.exit(main())
