"""Look at what a pump holds: its queues, its later work, its dead letters, and what it says of itself."""

from collections.abc import Sequence
from typing import Any

from winnowry.io.bookkeeping import REASON, text
from winnowry.io.broker import Broker
from winnowry.io.dead import DeadLetter, read_letter
from winnowry.io.later import restore
from winnowry.io.later_store import LaterStore, stores_of
from winnowry.runners.audit.evidence import Holding, Letter
from winnowry.runners.audit.note import is_reason
from winnowry.runners.audit.subject import Subject
from winnowry.runners.audit.taps import peek
from winnowry.runners.control import ask
from winnowry.schemas.arrival import identify
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import Terminal, Unreachable
from winnowry.schemas.reasons import Reason

REPEATS = frozenset({"repeat:known_content"})
ROUTINE = frozenset({f"refused:{reason}" for reason in ("not_selected", "superseded", "from_ourselves", "no_destination")})
"""Refusals of what a pump was told to leave alone: where there are no Reports, its counters alone tell of them."""


def hold_of(subject: Subject, source: Broker, target: Broker) -> Holding:
    """Return what a pump holds; ``source`` and ``target`` are the brokers that it reads from and announces to.

    Looked at in the order of the flow: queues, the pump, later queues, dead letters.
    """
    ready = sum(_depth(source, edge.queue) for edge in subject.inputs)
    answers, dead = _statuses(subject)
    if not subject.dead:
        return _of_store(subject, ready, answers, dead)
    later, postponed = _later(subject, target, running=bool(answers))
    found = _peek(target, subject.dead)
    read = [(read_letter(delivery), text(delivery.headers, REASON)) for delivery in found]
    letters = {identify(letter.message): _letter(letter, reason) for letter, reason in read}
    waiting = ready + _unsettled(answers) + postponed - len(later)
    return Holding(waiting, postponed, _silent(subject, answers), later, letters, dead)


def _depth(broker: Broker, queue: str) -> int:
    try:
        return broker.depth(queue)
    except Terminal as error:
        if error.reason is Reason.NOT_FOUND:  # the pump has never run
            return 0
        raise


def _peek(broker: Broker, queue: str) -> list[Delivery]:
    return peek(broker, queue) if _depth(broker, queue) else []


def _statuses(subject: Subject) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what the running instances say of themselves, and a complaint of each that died and was not started again."""
    answers, dead = [], []
    for socket in sorted(subject.state.glob("*/control.sock")):
        try:
            answers.append(ask(socket, {"do": "status"}))
        except Unreachable:
            dead.append(f"instance {socket.parts[-2]} died, or does not answer; what it held is in its queues again if it died")
    return answers, dead


def _unsettled(answers: Sequence[dict[str, Any]]) -> int:
    return sum(int(answer.get(name, 0)) for answer in answers for name in ("waiting", "later", "unsettled"))


def _silent(subject: Subject, answers: Sequence[dict[str, Any]]) -> int:
    """Return how many endings have been counted that nothing else tells."""
    if subject.reports_each:
        return 0
    names = REPEATS if subject.reports is not None else REPEATS | ROUTINE
    return sum(count for answer in answers for name, count in answer.get("outcomes", {}).items() if name in names)


def _later(subject: Subject, target: Broker, *, running: bool) -> tuple[frozenset[bytes], int]:
    """Return who waits in later queues, and how many do. While the pump runs they are counted, and not taken from it."""
    if running:
        return frozenset(), sum(_depth(target, queue) for queue in subject.later)
    found = [delivery for queue in subject.later for delivery in _peek(target, queue)]
    return frozenset(identify(restore(delivery)[0]) for delivery in found), len(found)


def _letter(letter: DeadLetter, reason: str) -> Letter:
    return Letter(letter.ending, is_reason(reason), letter.name)


def _of_store(subject: Subject, ready: int, answers: list[dict[str, Any]], dead: list[str]) -> Holding:
    """Return what a consumer holds: its later work and dead letters are on its own disk."""
    later: set[bytes] = set()
    letters: dict[bytes, Letter] = {}
    for file in stores_of(subject.state):
        store = LaterStore(file)
        later |= {identify(delivery) for delivery in store.waiting()}
        letters |= {identify(letter.message): _letter(letter, letter.reason) for letter in store.browse()}
        store.close()
    waiting = ready + _unsettled(answers) + (len(later) if answers else 0)
    return Holding(waiting, len(later), _silent(subject, answers), frozenset(later), letters, dead)
