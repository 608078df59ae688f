"""The memory and the rule of repeats together, as an engine uses them, on a real disk."""

from collections import deque
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from winnowry.io.memory import Memory, Reservation
from winnowry.schemas.arrival import Claim
from winnowry.transforms.winnow import Verdict, judge, remember

PATH = b"p" * 16


class Pump:
    """One instance in small: takes claims, works on several at once, ends them in any order, and dies now and then."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.folder = folder
        self.random = random
        self.memory = self.open()
        self.queue: deque[Claim] = deque()
        self.working: list[tuple[Claim, bool]] = []
        self.waiting: dict[bytes, Claim] = {}
        self.announced: list[bytes] = []

    def open(self) -> Memory:
        return Memory(self.folder, remember=timedelta(days=3), shared=True)

    def take(self, claim: Claim) -> None:
        if self.memory.reserve(PATH, claim.identity) is Reservation.TAKEN_HERE:
            self.waiting[claim.identity] = claim
            return
        judgement = judge(self.memory.recall(PATH), claim)
        if judgement.changes:
            self.working.append((replace(claim, episode=judgement.episode), judgement.verdict is Verdict.NEWS))
        else:
            self.wake(self.memory.release([PATH]))

    def end(self, *, fails: bool) -> None:
        claim, news = self.working.pop(self.random.randrange(len(self.working)))
        if news and fails:
            self.queue.append(claim)
            self.wake(self.memory.release([PATH]))
            return
        if news:
            self.announced.append(claim.content)
        self.wake(self.memory.commit({PATH: remember(self.memory.recall(PATH), claim, news=news)}))

    def wake(self, holders: list[bytes]) -> None:
        self.queue.extendleft([self.waiting.pop(holder) for holder in reversed(holders)])

    def die(self) -> None:
        """Whatever was not over is delivered again."""
        self.memory.close()
        self.memory = self.open()
        unfinished = [*(claim for claim, _ in self.working), *self.waiting.values()]
        self.queue.extendleft(reversed(unfinished))
        self.working.clear()
        self.waiting.clear()

    def run(self, sources: list[deque[Claim]], failing: float) -> None:
        while self.queue or self.working or any(sources):
            chance = self.random.random()
            if chance < 0.05:
                self.die()
            elif chance < 0.4 and self.working:
                self.end(fails=self.random.random() < failing)
            elif self.queue:
                self.take(self.queue.popleft())
            elif any(sources):
                self.take(self.random.choice([source for source in sources if source]).popleft())


def tell(source: int, truth: list[bytes]) -> deque[Claim]:
    return deque(
        Claim(
            identity=b"%d %d" % (source, at),
            path=PATH,
            content=content,
            announcer=b"source %d" % source,
            pub_time=at,
            episode=0,
        )
        for at, content in enumerate(truth)
    )


truths = st.lists(st.sampled_from([b"A" * 16, b"B" * 16]), min_size=1, max_size=6).map(
    lambda told: [key for key, _ in groupby(told)]
)


def run_pump(truth: list[bytes], sources: int, seed: int, failing: float) -> list[bytes]:
    with TemporaryDirectory() as folder:
        pump = Pump(Path(folder), Random(seed))
        pump.run([tell(source, truth) for source in range(sources)], failing)
        assert not pump.waiting
        pump.memory.close()
        return pump.announced


@settings(max_examples=40, deadline=None)
@given(truths, st.integers(1, 3), st.integers(0, 2**32))
def test_twins_that_wait_and_restart_announce_the_whole_truth_once(truth: list[bytes], sources: int, seed: int) -> None:
    assert run_pump(truth, sources, seed, failing=0.0) == truth


@settings(max_examples=40, deadline=None)
@given(truths, st.integers(1, 3), st.integers(0, 2**32))
def test_twins_that_fail_wait_and_restart_end_with_the_present_content(truth: list[bytes], sources: int, seed: int) -> None:
    assert run_pump(truth, sources, seed, failing=0.3)[-1] == truth[-1]
