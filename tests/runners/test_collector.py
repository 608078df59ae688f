import gc
from collections.abc import Iterator

import pytest

from winnowry.runners.collector import YOUNG, spare_the_collector


@pytest.fixture(autouse=True)
def usual_collector() -> Iterator[None]:
    """Puts back how the collector works."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_there_is_when_a_pump_begins_is_not_looked_through_again() -> None:
    held = {"a pump": []}
    spare_the_collector()
    assert all(present is not held for present in gc.get_objects())
    assert gc.get_freeze_count() > 10_000


def test_cycles_that_come_later_are_collected_all_the_same() -> None:
    spare_the_collector()
    before = len(gc.get_objects())
    for _ in range(5 * YOUNG):
        cycle: list[object] = []
        cycle.append(cycle)
    assert len(gc.get_objects()) - before <= 2 * YOUNG
