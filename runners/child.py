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

CANNOT_GO_ON = os.EX_TEMPFAIL
"""The exit code of a pump that met trouble that it can name: a broker that is gone, a full disk. Any other is a crash."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run an instance until it is drained. Returns the exit code: 0, 2 for a wrong setting, or ``CANNOT_GO_ON``."""
    parser = argparse.ArgumentParser(prog="winnowry.runners.child")
    parser.add_argument("file", type=Path)
    parser.add_argument("pump")
    parser.add_argument("number", type=int)
    parser.add_argument("--credentials", type=Path)
    parser.add_argument("--until-idle", action="store_true")
    parser.add_argument("--parent", type=int)
    parser.add_argument("--crashed", action="store_true", help="the process before this one died of itself")
    asked = parser.parse_args(arguments)
    tell()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if asked.parent is not None and os.getppid() != asked.parent:
        return CANNOT_GO_ON  # the supervisor died before it could be noticed
    from winnowry.runners.cluster.pumps import pump_of  # noqa: PLC0415 imports Beam, which `tell` has made quiet
    from winnowry.runners.instance import run_pump  # noqa: PLC0415

    try:
        cluster = load_cluster(asked.file, asked.credentials)
        pump, wires = pump_of(cluster, asked.pump), wiring(cluster, asked.pump)
    except ConfigError as error:
        log.error(str(error))  # noqa: TRY400 - the person who reads it needs the sentence, not the traceback
        return 2
    code = run_pump(pump, wires, until_idle=asked.until_idle, number=asked.number, crashed=asked.crashed)
    return CANNOT_GO_ON if code else 0


if __name__ == "__main__":
    sys.exit(main())
