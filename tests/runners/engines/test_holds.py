from pathlib import Path

import pytest
from relays import Clock

from winnowry.runners.engines.holds import Cause, Holds


class Level:
    """A watch that holds above 10, and lifts below 5."""

    cause = Cause.PARKED

    def __init__(self) -> None:
        self.height = 0

    def look(self, held: bool) -> str | None:
        return f"{self.height} high" if self.height > (5 if held else 10) else None


@pytest.fixture
def level() -> Level:
    return Level()


def causes(holds: Holds) -> list[str]:
    return [hold["cause"] for hold in holds.told()]


def test_a_hold_begins_at_one_bound_and_lifts_itself_at_another(level: Level) -> None:
    clock = Clock(100.0)
    holds = Holds("ingest", clock, [level])
    standing = []
    for level.height in (10, 11, 6, 5, 6):
        holds.look()
        standing.append([(hold["reason"], hold["since"], hold["lifted_by"]) for hold in holds.told()])
        clock.now += 1
    assert standing == [
        [],
        [("11 high", 101.0, "the end of transfers")],
        [("6 high", 101.0, "the end of transfers")],
        [],
        [],
    ]


def test_a_pump_is_paused_until_its_last_hold_is_lifted(level: Level) -> None:
    holds = Holds("ingest", Clock(), [level])
    level.height = 20
    holds.look()
    holds.hold("maintenance", "olga")
    assert sorted(causes(holds)) == ["operator", "parked"]
    level.height = 0
    holds.look()
    assert (causes(holds), bool(holds)) == (["operator"], True)
    holds.lift()
    assert not holds


def test_an_operator_does_not_lift_what_holds_the_pump_by_itself(level: Level) -> None:
    holds = Holds("ingest", Clock(), [level])
    level.height = 20
    holds.look()
    holds.lift()
    assert causes(holds) == ["parked"]


def test_an_operators_hold_outlives_the_process_until_it_is_lifted(tmp_path: Path) -> None:
    file = tmp_path / "1" / "hold.json"
    first = Holds("ingest", Clock(7.0), file=file)
    first.hold("the disks are moved", "olga")
    second = Holds("ingest", Clock(9.0), file=file)
    assert second.told() == first.told()
    assert second.told()[0]["since"] == 7.0
    second.lift()
    assert not Holds("ingest", Clock(), file=file)


def test_a_hold_that_was_half_written_holds_nobody(tmp_path: Path) -> None:
    (tmp_path / "hold.json").write_text('{"cause": "oper')
    assert not Holds("ingest", Clock(), file=tmp_path / "hold.json")
