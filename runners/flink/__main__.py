"""The processes that stand behind Flink on each host: a pool, and the workers that it starts."""

import argparse
import sys
from collections.abc import Sequence

import structlog

from winnowry.runners.telling import tell
from winnowry.schemas.errors import ConfigError

log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Be a worker pool, or a worker for the TaskManager whose control service is named. Returns the exit code."""
    asked = _parser().parse_args(arguments)
    tell()
    from winnowry.runners.flink.pool import serve, work  # noqa: PLC0415 imports Beam, which `tell` has made quiet

    try:
        if asked.role == "pool":
            serve(asked.address, asked.state_cache)
        else:
            work(asked.control, asked.name, asked.state_cache)
    except ConfigError as error:
        log.error(str(error))  # noqa: TRY400 - the person who reads it needs the sentence, not the traceback
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="winnowry.runners.flink")
    parser.add_argument("--state-cache", type=int, default=0, metavar="BYTES", help="of each worker, for state read before")
    roles = parser.add_subparsers(dest="role", required=True)
    pool = roles.add_parser("pool")
    pool.add_argument("address", help="host:port to listen at")
    worker = roles.add_parser("worker")
    worker.add_argument("control", help="host:port of the TaskManager's control service")
    worker.add_argument("name", help="by which the TaskManager knows this worker")
    return parser


if __name__ == "__main__":
    sys.exit(main())
