"""One instance of a pump whose clock a test can set: `jumping_clock.py FILE …` adds the seconds in FILE to the time of day.

What follows FILE is what `winnowry.runners.child` takes.
"""

import sys
import time
from pathlib import Path

_time, _time_ns = time.time, time.time_ns


def offset() -> float:
    return float(Path(sys.argv[0]).read_text() or 0)


def now() -> float:
    return _time() + offset()


def now_ns() -> int:
    return _time_ns() + int(offset() * 1e9)


if __name__ == "__main__":
    import jumping_clock  # by this name steps of a pipeline can be pickled

    time.time, time.time_ns = jumping_clock.now, jumping_clock.now_ns
    sys.argv.pop(0)
    from winnowry.runners.child import main

    sys.exit(main(sys.argv[1:]))
