"""Arrivals that wait in memory, their Deliveries unsettled: for a transfer, or for a twin."""

from winnowry.schemas.delivery import Delivery
from winnowry.schemas.outcome import Outcome
from winnowry.schemas.reasons import Reason


class Parked:
    """Outcomes by what wakes them: the identity of an Arrival whose transfer goes on, the hold of one that waits for a twin.

    What is parked again after it was woken keeps the time when it was first parked, until it is settled.
    """

    def __init__(self) -> None:
        self._waiting: dict[bytes, Outcome] = {}
        self._since: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, outcome: Outcome, now: float) -> None:
        """Park what this Outcome says is not over."""
        assert outcome.arrival is not None, "only an Arrival can wait for something"
        hold = outcome.delivery.hold
        key = outcome.arrival.identity if outcome.reason is Reason.TRANSFER_UNDERWAY else hold
        self._waiting[key] = outcome
        self._since.setdefault(hold, now)

    def pop(self, key: bytes) -> Delivery | None:
        """Return the Delivery parked under this key, which is parked no more."""
        found = self._waiting.pop(key, None)
        return None if found is None else found.delivery

    def transferring(self) -> list[Outcome]:
        """Return what waits for its own transfer."""
        return [outcome for outcome in self._waiting.values() if outcome.reason is Reason.TRANSFER_UNDERWAY]

    def has_waited(self, delivery: Delivery) -> bool:
        """Whether this Delivery was parked at some time, and is not settled yet."""
        return bool(self._since) and delivery.hold in self._since

    def settled(self, delivery: Delivery) -> None:
        """Forget since when this Delivery has waited."""
        if self._since:
            self._since.pop(delivery.hold, None)

    def overdue(self, then: float) -> list[Outcome]:
        """Return what has waited since before this time; it is parked no more."""
        if not self._since or min(self._since.values()) >= then:
            return []
        keys = [key for key, outcome in self._waiting.items() if self._since[outcome.delivery.hold] < then]
        return [self._waiting.pop(key) for key in keys]

    def empty(self) -> list[Delivery]:
        """Give everything up that is parked, to be put back."""
        deliveries = [outcome.delivery for outcome in self._waiting.values()]
        self._waiting.clear()
        self._since.clear()
        return deliveries
