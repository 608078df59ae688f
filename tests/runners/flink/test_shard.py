from hypothesis import given
from hypothesis import strategies as st

from winnowry.runners.flink.shard import DAY, SHARDS, Shard, shard_of
from winnowry.schemas.history import History

paths = st.integers(0, 5).map(lambda number: bytes([number]) * 16)
writes = st.lists(st.tuples(paths, st.integers(1, 60_000)), max_size=20)
NOW = 20_000.0 * DAY


def a_history(episodes: int) -> History:
    return History({bytes(16): episodes}, {})


class State:
    """What Beam keeps of a shard: a bag of blobs, which only grows until it is emptied."""

    def __init__(self) -> None:
        self.bag: list[bytes] = []

    def shard(self, days: int = 3) -> Shard:
        return Shard(self.bag, days=days)

    def write(self, shard: Shard, now: float) -> None:
        anew, blob = shard.changes(now)
        self.bag = [blob] if anew else [*self.bag, blob]


@given(st.lists(writes, max_size=6))
def test_what_was_written_is_read_again_from_the_state(bundles: list[list[tuple[bytes, int]]]) -> None:
    state, expected = State(), dict[bytes, History]()
    for bundle in bundles:
        shard = state.shard()
        for path, episodes in bundle:
            expected[path] = a_history(episodes)
            shard.write(path, expected[path], NOW)
        state.write(shard, NOW)
    found = state.shard()
    assert {path: found.read(path) for path in expected} == expected
    assert len(found) == len(expected)


def test_state_stays_bounded_however_often_a_path_changes() -> None:
    state, shard = State(), Shard()
    for round_ in range(5_000):
        shard.write(bytes(16), a_history(round_ % 60_000), NOW)
        state.write(shard, NOW)
    assert sum(map(len, state.bag)) < 100_000
    assert state.shard().read(bytes(16)) == a_history(4_999)


def test_what_has_not_changed_for_so_many_days_is_forgotten() -> None:
    state = State()
    shard = state.shard(days=2)
    shard.write(b"a" * 16, a_history(1), NOW)
    state.write(shard, NOW)
    shard.write(b"b" * 16, a_history(1), NOW + 2 * DAY)
    state.write(shard, NOW + 2 * DAY)
    assert len(state.shard()) == 2
    shard.write(b"c" * 16, a_history(1), NOW + 3 * DAY)
    state.write(shard, NOW + 3 * DAY)
    found = state.shard()
    assert [found.read(path) is not None for path in (b"a" * 16, b"b" * 16, b"c" * 16)] == [False, True, True]


def test_every_shard_is_used() -> None:
    assert {shard_of(bytes([first]) + bytes(15)) for first in range(256)} == set(range(SHARDS))
