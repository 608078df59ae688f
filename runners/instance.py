"""One instance of one pump, in this process."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from winnowry.io.amqp import hang_up
from winnowry.io.transfers import close_pools
from winnowry.pipelines.pump import Pump
from winnowry.runners.alone import alone
from winnowry.runners.cluster.wiring import Wiring
from winnowry.runners.collector import spare_the_collector
from winnowry.runners.control import Control, socket_of
from winnowry.runners.direct.assembly import assemble
from winnowry.runners.direct.engine import DirectEngine
from winnowry.runners.direct.sieve import close_memories
from winnowry.schemas.errors import Terminal, Transient

log = structlog.get_logger(__name__)


def run_pump(pump: Pump, wires: Wiring, *, until_idle: bool = False, number: int = 1, crashed: bool = False) -> int:
    """Run one instance in this process until SIGTERM or Ctrl-C, or until it is idle. Returns the exit code.

    ``crashed`` says that the process before this one died of itself.
    """
    try:
        with alone(socket_of(pump.state, number).parent), _let_go_at_the_end():
            engine = assemble(pump, wires, number=number, crashed=crashed)
            for signum in (signal.SIGTERM, signal.SIGINT):
                signal.signal(signum, lambda *_: engine.stop())
            with Control(socket_of(pump.state, number), answering(engine)):
                spare_the_collector()
                engine.run(until_idle=until_idle)
    except (Transient, Terminal) as error:
        log.error("the pump cannot go on", pump=pump.name, error=str(error))  # noqa: TRY400 - a sentence, not a traceback
        return 1
    return 0


@contextmanager
def _let_go_at_the_end() -> Iterator[None]:
    """Close whatever the pump's steps have opened, before another process may begin."""
    try:
        yield
    finally:
        close_pools()
        hang_up()
        close_memories()


def answering(engine: DirectEngine) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return the function that answers what is asked over the control socket."""

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        match request.get("do"):
            case "hold":
                engine.hold(str(request.get("reason", "")), by=str(request.get("by", "operator")))
            case "lift":
                engine.lift()
            case "drain":
                engine.stop()
            case "ping":
                return {}
            case "status":
                pass
            case unknown:
                return {"error": f"{unknown!r} is none of status, hold, lift, drain, ping"}
        return engine.status()

    return answer
