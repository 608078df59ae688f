"""The rounds rest on names inside Beam; these tests fail at once when they move."""

import threading

import apache_beam as beam
import pytest

from winnowry.runners.direct.rounds import CompiledRounds, RebuiltRounds, Slot, compile_rounds, enter, leave
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.branch import branch


def announce(delivery: Delivery) -> Delivery | Outcome:
    if delivery.body == b"raise":
        raise ValueError("raised on purpose")
    if delivery.body == b"end":
        return Outcome(ending=Ending.REFUSED, reason=Reason.TOO_OLD, delivery=delivery)
    return delivery


def finish(delivery: Delivery) -> Outcome:
    return Outcome(ending=Ending.ANNOUNCED, reason=Reason.DONE, delivery=delivery)


class CountLives(beam.DoFn):
    setups = 0
    bundles = 0

    def setup(self) -> None:
        CountLives.setups += 1

    def start_bundle(self) -> None:
        CountLives.bundles += 1

    def process(self, element: Delivery) -> list[Delivery]:
        return [element]


def graph(slot: str) -> beam.Pipeline:
    pipeline = beam.Pipeline(runner="FnApiRunner")
    going_on, ended = branch(enter(pipeline, slot), announce)
    counted = going_on | "Count" >> beam.ParDo(CountLives())
    announced = counted | "Finish" >> beam.Map(finish)
    leave((ended, announced), slot)
    return pipeline


def deliveries(*bodies: bytes) -> list[Delivery]:
    return [Delivery(body=body, queue="q", exchange="x", tag=tag) for tag, body in enumerate(bodies)]


@pytest.fixture(params=[CompiledRounds, RebuiltRounds])
def slot_and_rounds(request: pytest.FixtureRequest):
    slot = Slot(request.node.name)
    rounds = request.param(graph(request.node.name))
    yield slot, rounds
    rounds.close()


def test_beam_is_as_the_quick_rounds_expect_it() -> None:
    Slot("contract")
    rounds = compile_rounds(graph("contract"))
    assert type(rounds) is CompiledRounds
    assert len(rounds.stages) == 1
    rounds.close()


class NoteThreads(beam.DoFn):
    seen: set[threading.Thread] = set()

    def process(self, element: Delivery) -> list[Delivery]:
        NoteThreads.seen |= set(threading.enumerate())
        return [element]


def test_a_round_starts_no_thread_that_it_would_have_to_wait_for() -> None:
    slot = Slot("threads")
    pipeline = beam.Pipeline(runner="FnApiRunner")
    noted = enter(pipeline, "threads") | "Note" >> beam.ParDo(NoteThreads()).with_output_types(Delivery)
    leave((noted | "Finish" >> beam.Map(finish),), "threads")
    rounds = compile_rounds(pipeline)
    slot.deliveries = deliveries(b"go")
    before = set(threading.enumerate())
    rounds.run()
    assert len(slot.outcomes) == 1
    assert NoteThreads.seen <= before
    rounds.close()


def test_each_round_ends_exactly_what_entered_it(slot_and_rounds) -> None:
    slot, rounds = slot_and_rounds
    for number in range(3):
        slot.deliveries = deliveries(b"end", b"go", b"end", b"%d" % number)
        slot.outcomes.clear()
        rounds.run()
        ended = {(outcome.delivery.tag, outcome.delivery.body, outcome.ending) for outcome in slot.outcomes}
        assert ended == {
            (0, b"end", Ending.REFUSED),
            (1, b"go", Ending.ANNOUNCED),
            (2, b"end", Ending.REFUSED),
            (3, b"%d" % number, Ending.ANNOUNCED),
        }


def test_a_round_after_one_that_raised_works_again(slot_and_rounds) -> None:
    slot, rounds = slot_and_rounds
    slot.deliveries = deliveries(b"go", b"raise")
    with pytest.raises(Exception, match="raised on purpose"):
        rounds.run()
    slot.deliveries = deliveries(b"go")
    slot.outcomes.clear()
    rounds.run()
    assert [outcome.delivery.body for outcome in slot.outcomes] == [b"go"]


def test_the_worker_of_quick_rounds_lives_on() -> None:
    slot = Slot("lives")
    rounds = compile_rounds(graph("lives"))
    before = CountLives.setups, CountLives.bundles
    slot.deliveries = deliveries(b"go")
    for _ in range(5):
        rounds.run()
    assert (CountLives.setups - before[0], CountLives.bundles - before[1]) == (0, 5)
    rounds.close()
