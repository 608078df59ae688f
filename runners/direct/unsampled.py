"""Bundles without Beam's clock beside them.

For each bundle Beam starts a thread that samples which step is at work, at intervals that grow by a fifth from 2 ms on; the end
of the bundle waits until that thread has slept its interval. A round would take up to a fifth longer, and cost a thread, for
times that nobody reads.
"""

import threading

from apache_beam.runners.worker import statesampler


class Unsampled(statesampler.StateSampler):
    """Knows which step is at work, as Beam's counters need it, and not for how long."""

    def start(self) -> None:
        """Begin a bundle."""
        self.tracked_thread = threading.current_thread()
        statesampler.set_current_tracker(self)
        self.started = True

    def stop(self) -> None:
        """End a bundle."""
        statesampler.set_current_tracker(None)
        self.finished = True


def stop_sampling() -> None:
    """Sample no bundle of this process from now on whose steps are not set up yet."""
    statesampler.StateSampler = Unsampled
