"""Spare the garbage collector what lives as long as the process: Beam alone is half a million objects."""

import gc

YOUNG = 10_000
"""So many new objects are looked through at once for cycles; Python's own number is reached with every few dozen Posts."""


def spare_the_collector() -> None:
    """Let the collector look at nothing that there is now, and less often at what comes.

    What holds a pump together is never garbage; looking through it again and again is a sixth of what a winnow's message costs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
