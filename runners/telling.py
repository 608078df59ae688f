"""What is worth telling, on standard error: connect, lose, recover, hold, lift, drop. Everything else is counted."""

import logging
import sys

import structlog

_NOISE = "apitools not found"
"""Beam says this of Google's client libraries, which nobody here needs, through the root logger while it is imported."""


def tell() -> None:
    """Set the logging of this process up. Call it before Beam is imported."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger().addFilter(_worth_telling)
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO), logger_factory=_to_stderr)


def _worth_telling(record: logging.LogRecord) -> bool:
    return _NOISE not in record.getMessage()


def _to_stderr(*_: object) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)
