"""Who holds a Delivery until it is settled: the broker it came from, or whoever keeps later work."""

from collections.abc import Sequence
from typing import Protocol

from winnowry.schemas.delivery import Delivery


class Holder(Protocol):
    """Something that hands Deliveries out until they are settled."""

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Let go of them for good."""

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        """Hand them out again, some time."""


class Holders:
    """Settles each Delivery with whom holds it; ``later`` holds those that name a holder (``Delivery.held_by``)."""

    def __init__(self, source: Holder, later: Holder) -> None:
        self._source = source
        self._later = later

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """Let go of them for good."""
        fresh, later = _apart(deliveries)
        if fresh:
            self._source.settle(fresh)
        if later:
            self._later.settle(later)

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return them, later ones first: they have waited longest."""
        fresh, later = _apart(deliveries)
        if later:
            self._later.put_back(later)
        if fresh:
            self._source.put_back(fresh)


def _apart(deliveries: Sequence[Delivery]) -> tuple[Sequence[Delivery], Sequence[Delivery]]:
    later = [delivery for delivery in deliveries if delivery.held_by]
    return ([delivery for delivery in deliveries if not delivery.held_by], later) if later else (deliveries, later)
