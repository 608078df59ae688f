"""Time stamps of the wire contracts: UTC, to the nanosecond."""

import re
import time
from datetime import date
from functools import lru_cache

from winnowry.schemas.errors import Malformed
from winnowry.schemas.reasons import Reason

_SECOND = re.compile(r"(\d{4})(\d\d)(\d\d)T?(\d\d)(\d\d)(\d\d)", re.ASCII)
_FRACTION = re.compile(r"(\d+)(?:e-(\d{1,3}))?", re.ASCII)
_SCALE = tuple(10 ** (9 - digits) for digits in range(10))
_EPOCH = date(1970, 1, 1).toordinal()
_YEARS = range(-62135596800, 253402300800)


def read_time(text: str, field: str = "time") -> int:
    """Return nanoseconds of Unix time for ``YYYYMMDDTHHMMSS[.fraction]`` (v03), or the same without ``T`` (v02 and before).

    sr3 leaves out a fraction of nothing and writes one below 1e-4 with an exponent; digits beyond the ninth are cut.
    Raises Malformed, naming ``field``, for anything else.

    >>> read_time("20231114T221320.5"), read_time("20231114221320")
    (1700000000500000000, 1700000000000000000)
    >>> read_time("20231114T221320.53674316e-07") - 1700000000000000000
    53
    """
    try:
        return _read(text)
    except ValueError:
        raise Malformed(Reason.FIELD_INVALID, f"{field} {text[:64]!r} is no time stamp") from None


def write_time(moment: int) -> str:
    """Return the v03 time stamp of nanoseconds of Unix time, always with a fraction of nine digits.

    Raises Malformed where the year has not four digits.

    >>> write_time(1700000000000000000)
    '20231114T221320.000000000'
    """
    second, nanosecond = divmod(moment, 1_000_000_000)
    return f"{_write_second(second)}.{nanosecond:09d}"


@lru_cache(maxsize=4096)
def _read(text: str) -> int:
    """Return what ``read_time`` does; each stamp of a Post is read two or three times on its way."""
    second, dot, fraction = text.partition(".")
    return _read_second(second) + (_read_fraction(fraction) if dot else 0)


@lru_cache(maxsize=4096)
def _read_second(text: str) -> int:
    match = _SECOND.fullmatch(text)
    if match is None:
        raise ValueError(text)
    year, month, day, hour, minute, second = map(int, match.groups())
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(text)
    days = date(year, month, day).toordinal() - _EPOCH
    return (days * 86400 + hour * 3600 + minute * 60 + second) * 1_000_000_000


def _read_fraction(text: str) -> int:
    digits = len(text)
    if digits < 10 and text.isdigit() and text.isascii():
        return int(text) * _SCALE[digits]
    match = _FRACTION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    shift = min(int(match[2] or 0), 9)
    return int(("0" * shift + match[1][:9])[:9].ljust(9, "0"))


@lru_cache(maxsize=4096)
def _write_second(second: int) -> str:
    if second not in _YEARS:
        raise Malformed(Reason.FIELD_INVALID, f"{second} s of Unix time has no year of four digits")
    year, month, day, hour, minute, sec = time.gmtime(second)[:6]
    return f"{year:04d}{month:02d}{day:02d}T{hour:02d}{minute:02d}{sec:02d}"
