"""Sizes, durations and bandwidths as people write them: ``5G``, ``3d``, ``100M/s``."""

import re
from datetime import timedelta

_NUMBER_AND_UNIT = re.compile(r"(\d+(?:\.\d+)?) ?([A-Za-z]*)")
_SIZES = {"": 1, "B": 1, **{unit: 1000**power for power, unit in enumerate("KMGTP", 1)}}
_SIZES |= {f"{unit}i": 1024**power for power, unit in enumerate("KMGTP", 1)}
_SIZES |= {f"{unit}B": factor for unit, factor in list(_SIZES.items()) if unit not in ("", "B")} | {"k": 1000, "kB": 1000}
_MOST = 2.0**63
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}

_SHOWN = {"size": "KMGTP", "bandwidth": "KMGTP", "duration": _SECONDS}


def _scaled(text: str, units: dict[str, float] | dict[str, int], what: str, example: str) -> float:
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if match is None or match[2] not in units:
        raise ValueError(
            f"{text!r} is no {what}; write a number and a unit, as in {example} (units: {', '.join(_SHOWN[what])})"
        )
    scaled = float(match[1]) * units[match[2]]
    if scaled > _MOST:
        raise ValueError(f"{text[:20]!r}… is no {what} that anything could have")
    return scaled


def parse_size(value: object) -> int:
    """Return bytes. ``K M G T P`` count in thousands, ``Ki Mi Gi Ti Pi`` in 1024s. Raises ValueError.

    >>> parse_size("5G"), parse_size("1.5Ki"), parse_size(700)
    (5000000000, 1536, 700)
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{str(value).lower()} is no size; write a number and a unit, as in 5G")  # noqa: TRY004 pydantic reports ValueErrors
    if isinstance(value, int) and not 0 <= value <= _MOST:
        raise ValueError(f"{value} is no size; write a number of bytes, as in 5G")
    return value if isinstance(value, int) else int(_scaled(value, _SIZES, "size", "5G"))


def parse_duration(value: object) -> timedelta:
    """Return the duration. Raises ValueError: a bare number says nothing of its unit.

    >>> parse_duration("3d"), parse_duration("1.5 h")
    (datetime.timedelta(days=3), datetime.timedelta(seconds=5400))
    """
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        said = f"{str(value).lower()} is no duration; write a number and a unit, as in 3d (units: {', '.join(_SECONDS)})"
        raise ValueError(said)  # noqa: TRY004 pydantic collects ValueErrors
    try:
        return timedelta(seconds=_scaled(value, _SECONDS, "duration", "3d"))
    except OverflowError:
        raise ValueError(f"{value!r} is longer than time itself; the longest duration is 999999999d") from None


def parse_window(value: object) -> timedelta:
    """Return the length of a window of time, from a second to an hour. Raises ValueError.

    >>> parse_window("10s")
    datetime.timedelta(seconds=10)
    """
    window = parse_duration(value)
    if not timedelta(seconds=1) <= window <= timedelta(hours=1):
        raise ValueError(f"{value!r} is no window; write one from 1s to 1h, as in 10s")
    return window


def parse_bandwidth(value: object) -> int:
    """Return bytes a second. Raises ValueError.

    >>> parse_bandwidth("100M/s")
    100000000
    """
    if not isinstance(value, str) or not value.endswith("/s"):
        raise ValueError(f"{value!r} is no bandwidth; write bytes a second, as in 100M/s")
    return int(_scaled(value.removesuffix("/s"), _SIZES, "bandwidth", "100M/s"))
