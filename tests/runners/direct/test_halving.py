from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.pvalue import PCollection
from arrivals import a_delivery

from winnowry.pipelines.pump import Outcomes
from winnowry.runners.direct.halving import HalvingRounds
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.errors import DiskTrouble
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

SEEN: list[int] = []


def over(delivery: Delivery) -> Outcome:
    return Outcome(ending=Ending.ANNOUNCED, reason=Reason.DONE, delivery=delivery)


class _Do(beam.DoFn):
    """Raises, drops or doubles, as the body of a Delivery says."""

    def process(self, delivery: Delivery) -> Iterable[Any]:
        SEEN.append(delivery.tag)
        match delivery.body:
            case b"raise":
                raise ValueError("bad luck")
            case b"disk":
                raise DiskTrouble(Reason.DISK_FULL, "no room")
            case b"drop":
                return []
            case b"double":
                return [over(delivery), over(delivery)]
        return [over(delivery)]


def toy(root: PCollection) -> Outcomes:
    return (root | beam.ParDo(_Do()),)


@pytest.fixture(scope="module")
def rounds() -> Iterator[HalvingRounds]:
    compiled = HalvingRounds(toy)
    yield compiled
    compiled.close()


def deliveries(*bodies: bytes) -> list[Delivery]:
    SEEN.clear()
    return [a_delivery(body=body, tag=tag) for tag, body in enumerate(bodies)]


def endings(outcomes: list[Outcome]) -> list[tuple[int, str, str]]:
    return [(outcome.delivery.tag, outcome.ending.value, outcome.reason.code) for outcome in outcomes]


def test_a_round_gives_each_delivery_its_outcome(rounds: HalvingRounds) -> None:
    assert endings(rounds.run(deliveries(b"", b""))) == [(0, "announced", "done"), (1, "announced", "done")]
    assert SEEN == [0, 1]


def test_the_culprit_alone_fails(rounds: HalvingRounds) -> None:
    outcomes = rounds.run(deliveries(b"", b"", b"", b"raise", b""))
    assert endings(outcomes) == [
        (0, "announced", "done"),
        (1, "announced", "done"),
        (2, "announced", "done"),
        (3, "failed", "bug"),
        (4, "announced", "done"),
    ]
    assert "bad luck" in outcomes[3].detail
    assert endings(rounds.run(deliveries(b""))) == [(0, "announced", "done")]


def test_a_full_disk_is_no_bug(rounds: HalvingRounds) -> None:
    outcomes = rounds.run(deliveries(b"disk", b""))
    assert endings(outcomes) == [(0, "retried", "disk_full"), (1, "announced", "done")]
    assert (outcomes[0].delay, outcomes[0].detail) == (10.0, "no room")


def test_a_step_that_drops_is_told_of(rounds: HalvingRounds) -> None:
    outcomes = rounds.run(deliveries(b"", b"drop"))
    assert endings(outcomes) == [(0, "announced", "done"), (1, "failed", "bug")]
    assert outcomes[1].detail == "a step of the pipeline lost this Arrival"


def test_a_step_that_doubles_is_told_of(rounds: HalvingRounds, capsys: pytest.CaptureFixture[str]) -> None:
    assert endings(rounds.run(deliveries(b"double", b""))) == [(0, "announced", "done"), (1, "announced", "done")]
    printed = capsys.readouterr()
    assert "doubled" in printed.out + printed.err


def test_a_drop_is_not_hidden_by_a_double(rounds: HalvingRounds) -> None:
    assert endings(rounds.run(deliveries(b"double", b"drop"))) == [(0, "announced", "done"), (1, "failed", "bug")]


def test_twice_runs_every_round_two_times_and_ends_it_once() -> None:
    twice = HalvingRounds(toy, twice=True)
    assert endings(twice.run(deliveries(b"", b""))) == [(0, "announced", "done"), (1, "announced", "done")]
    assert SEEN == [0, 1, 0, 1]
    twice.close()
