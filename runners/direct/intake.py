"""What an instance takes in: its queues are consumed, or paused with what has not begun given back."""

from collections.abc import Callable, Sequence

from winnowry.io.broker import Broker, BrokerState
from winnowry.runners.direct.suspects import Suspects
from winnowry.runners.engines.holders import Holders
from winnowry.runners.engines.inlet import Inlet
from winnowry.runners.engines.later import Later
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.edge import InputEdge
from winnowry.schemas.errors import Terminal, Transient
from winnowry.schemas.outcome import Outcome


class Intake:
    """The queues of one instance, from consuming them to what enters the next round. ``prefetch`` is for each queue."""

    def __init__(
        self,
        inputs: Sequence[InputEdge],
        inlet: Inlet,
        holders: Holders,
        *,
        source: Broker,
        later: Later | None,
        suspects: Suspects | None,
        prefetch: int,
    ) -> None:
        self._inputs, self._source, self._later = inputs, source, later
        self._inlet, self._holders, self._suspects = inlet, holders, suspects
        self._prefetch = prefetch
        self._paused = True

    def begin(self) -> None:
        """Consume, for the first time or after a pause."""
        self._paused = False
        for edge in self._inputs:
            self._source.consume(edge.queue, self._prefetch, self._inlet.deliver)
        if self._later is not None:
            self._later.begin(self._inlet)

    def pause(self) -> None:
        """Stop consuming, and give back what has not begun."""
        self._paused = True
        for edge in self._inputs:
            self._source.cancel(edge.queue)
        if self._later is not None:
            self._later.pause()
        self._holders.put_back(self._inlet.empty())
        if self._suspects is not None:
            self._holders.put_back(self._suspects.empty())

    def take(self, limit: int) -> list[Delivery]:
        """Return at most ``limit`` Deliveries for the next round; while paused only such as have been in one before."""
        if self._later is not None:
            self._later.bring(self._inlet)
        if limit <= 0:
            return []
        suspects = self._suspects
        if suspects is None:
            return self._inlet.take(limit, only_again=self._paused)
        if followers := suspects.follow():
            return followers
        innocent = suspects.set_aside(self._inlet.take(limit, only_again=self._paused or suspects.busy))
        return innocent if innocent or self._paused else suspects.next_portion()

    @property
    def on_settled(self) -> Callable[[Delivery], None] | None:
        """Whom to tell of each Delivery that is settled; None for nobody."""
        return self._suspects.settled if self._suspects is not None else None

    def condemned(self) -> list[Outcome]:
        """Return the ends of suspects that are not tried again."""
        return self._suspects.condemned() if self._suspects is not None else []

    @property
    def waiting(self) -> int:
        """How many are here and could enter a round."""
        return self._inlet.waiting + (len(self._suspects) if self._suspects is not None else 0)

    @property
    def queued(self) -> int:
        """How many wait in the queues. Raises Unreachable, or Terminal where a queue is missing."""
        return sum(self._source.depth(edge.queue) for edge in self._inputs)

    def is_heard(self, before: BrokerState) -> bool:
        """Whether the broker has heard all that was settled on the connection since it stood like this."""
        try:
            for edge in self._inputs:
                self._source.depth(edge.queue)  # it answers after it has read what was said before
        except (Transient, Terminal):
            return False
        return before.state == "connected" and self._source.state() == before
