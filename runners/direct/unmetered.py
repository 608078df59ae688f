"""Bundles without Beam's metrics, which nobody reads here: the ledger counts what ended how.

For each bundle Beam starts a thread that samples which step is at work, at intervals that grow by a fifth from 2 ms on; the end
of the bundle waits until that thread has slept its interval. Then every counter of every step is described anew. A round would
take a thread, up to a fifth more time, and half a millisecond of the processor.
"""

import threading

from apache_beam.portability.api import metrics_pb2
from apache_beam.runners.worker import bundle_processor, statesampler


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


class Untold(bundle_processor.BundleProcessor):
    """Runs bundles, and tells of no counter."""

    def monitoring_infos(self) -> list[metrics_pb2.MonitoringInfo]:
        """Return nothing."""
        return []


def leave_out_metrics() -> None:
    """Measure no bundle of this process from now on whose steps are not set up yet."""
    statesampler.StateSampler = Unsampled
    bundle_processor.BundleProcessor = Untold
