"""The process that a supervisor starts for one instance of one pump."""

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from winnowry.runners.cluster.load import load_cluster
from winnowry.runners.cluster.wiring import wiring
from winnowry.runners.telling import tell
from winnowry.schemas.errors import ConfigError

log = structlog.get_logger(__name__)

PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an instance until it is drained. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="winnowry.runners.child")
    parser.add_argument("file", type=Path)
    parser.add_argument("pump")
    parser.add_argument("number", type=int)
    parser.add_argument("--credentials", type=Path)
    parser.add_argument("--until-idle", action="store_true")
    parser.add_argument("--parent", type=int)
    asked = parser.parse_args(arguments)
    tell()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if asked.parent is not None and os.getppid() != asked.parent:
        return 1  # the supervisor died before it could be noticed
    from winnowry.runners.cluster.pumps import pump_of  # noqa: PLC0415 imports Beam, which `tell` has made quiet
    from winnowry.runners.instance import run_pump  # noqa: PLC0415

    try:
        cluster = load_cluster(asked.file, asked.credentials)
        pump, wires = pump_of(cluster, asked.pump), wiring(cluster, asked.pump)
    except ConfigError as error:
        log.error(str(error))  # noqa: TRY400 - the person who reads it needs the sentence, not the traceback
        return 2
    return run_pump(pump, wires, until_idle=asked.until_idle, number=asked.number)


if __name__ == "__main__":
    sys.exit(main())
