"""How every verb is applied: an element goes on, or ends.

A verb's Beam-free twin is a function that takes an element and returns either what goes on or an Outcome. ``branch`` applies
it to a PCollection, in one fused step, and returns both ways as a pair. Nothing is flattened: each ending stays a branch of
its own, to which the engine attaches the settling (a Flatten would break the stage in two and encode every element).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PCollection, TaggedOutput

from winnowry.schemas.branches import ENDED, Branches, split
from winnowry.schemas.outcome import Outcome

Twin = Callable[[Any], Any]

_GUARD: ContextVar[Callable[[Twin], Twin] | None] = ContextVar("guard", default=None)


class _Apply(beam.DoFn):
    def __init__(self, twin: Twin) -> None:
        self.twin = twin

    def process(self, element: Any) -> Iterable[Any]:
        result = self.twin(element)
        return (TaggedOutput(ENDED, result),) if type(result) is Outcome else (result,)


class _Finish(beam.DoFn):
    def __init__(self, twin: Twin) -> None:
        self.twin = twin

    def process(self, element: Any) -> Iterable[Any]:
        return (self.twin(element),)


@contextmanager
def guarded(guard: Callable[[Twin], Twin]) -> Iterator[None]:
    """Put ``guard`` around every twin that is applied meanwhile, until it is lifted."""
    token = _GUARD.set(guard)
    try:
        yield
    finally:
        _GUARD.reset(token)


def lift_guard() -> None:
    """Put no guard around what is applied from here on.

    A memory that keeps what it lets through calls this: where a step behind it raises, what was kept has to roll back with the
    bundle, or a twin of what it raised for would be taken for a repeat, and vanish.
    """
    _GUARD.set(None)


def _guarded(twin: Twin) -> Twin:
    guard = _GUARD.get()
    return twin if guard is None else guard(twin)


def branch(elements: PCollection, twin: Twin) -> Branches:
    """Apply ``twin`` to each element; an Outcome takes the second way out, anything else the first."""
    return split(elements, _Apply(_guarded(twin)))


def finish(elements: PCollection, twin: Callable[[Any], Outcome]) -> PCollection:
    """Apply a ``twin`` that ends every element."""
    return elements | beam.ParDo(_Finish(_guarded(twin)))
