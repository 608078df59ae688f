from itertools import count

from arrivals import a_delivery
from hypothesis import example, given
from hypothesis import strategies as st

from winnowry.runners.flink.marks import Acknowledgements


class Job:
    """What Flink does with the marks of one reader: each bundle makes one, a checkpoint that ends finalizes all."""

    def __init__(self) -> None:
        self.book = Acknowledgements()
        self.tags = count(1)
        self.finished: list[int] = []
        self.unfinalized: list[int] = []
        self.snapshot: set[int] | None = None
        self.surely: set[int] = set()
        self.acknowledged: list[int] = []

    def bundle(self, size: int) -> None:
        deliveries = [a_delivery(tag=next(self.tags)) for _ in range(size)]
        self.book.hand_out(deliveries)
        self.unfinalized.append(self.book.mark())
        self.finished += [delivery.tag for delivery in deliveries]

    def begin_checkpoint(self) -> None:
        if self.snapshot is None:
            self.snapshot = set(self.finished)

    def complete_checkpoint(self) -> None:
        if self.snapshot is None:
            return
        self.surely |= self.snapshot
        self.snapshot = None
        for mark in self.unfinalized:
            self.acknowledged += [delivery.tag for delivery in self.book.finalize(mark)]
        self.unfinalized.clear()


steps = st.one_of(st.integers(0, 3), st.sampled_from(["begin", "complete"]))


def play(job: Job, step: int | str) -> None:
    if isinstance(step, int):
        job.bundle(step)
    elif step == "begin":
        job.begin_checkpoint()
    else:
        job.complete_checkpoint()


@example(["begin", 1, "complete"])  # read after the snapshot, finalized with it
@given(st.lists(steps, max_size=60))
def test_nothing_is_acknowledged_that_no_completed_checkpoint_holds(course: list[int | str]) -> None:
    job = Job()
    for step in course:
        play(job, step)
        assert set(job.acknowledged) <= job.surely
    assert len(job.acknowledged) == len(set(job.acknowledged))


@given(st.lists(steps, max_size=40))
def test_everything_is_acknowledged_two_checkpoints_later_also_when_nothing_comes_any_more(course: list[int | str]) -> None:
    job = Job()
    for step in [*course, "complete", 0, "begin", "complete", 0, "begin", "complete"]:
        play(job, step)
    assert sorted(job.acknowledged) == job.finished
    assert job.book.open == 0


def test_a_mark_of_an_earlier_life_changes_nothing() -> None:
    book = Acknowledgements()
    book.hand_out([a_delivery(tag=1)])
    book.mark()
    assert book.finalize(7) == []
    assert book.open == 1


def test_what_a_bundle_took_that_failed_before_it_made_a_mark_was_handed_out_after_the_last_mark() -> None:
    book = Acknowledgements()
    assert book.ends_with(0)
    book.hand_out([a_delivery(tag=1)])
    assert not book.ends_with(0)
    number = book.mark()
    assert book.ends_with(number)
    book.hand_out([a_delivery(tag=2)])
    assert not book.ends_with(number)
    book.mark()
    assert not book.ends_with(number)
