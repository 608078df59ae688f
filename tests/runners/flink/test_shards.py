from winnowry.runners.flink.shard import Shard
from winnowry.runners.flink.shards import Shards, shards_of
from winnowry.schemas.history import History


def a_shard(size: int = 1) -> Shard:
    shard = Shard()
    for number in range(size):
        shard.write(number.to_bytes(16), History({}, {}), 0.0)
    return shard


def test_a_shard_is_kept_for_the_state_whose_name_it_bears() -> None:
    shards, shard = Shards(), a_shard()
    shards.put(7, b"now", shard)
    assert shards.take(7, b"now") is shard


def test_a_shard_of_a_past_that_was_rolled_back_is_not_used() -> None:
    shards = Shards()
    shards.put(7, b"rolled back", a_shard())
    assert shards.take(7, b"the state as it is") is None
    assert shards.take(7, b"rolled back") is None


def test_nobody_else_finds_a_shard_that_is_worked_on() -> None:
    shards = Shards()
    shards.put(7, b"now", a_shard())
    shards.take(7, b"now")
    assert shards.take(7, b"now") is None


def test_the_shards_unused_for_longest_make_room() -> None:
    shards = Shards(limit=2 * a_shard(10).size)
    for number in range(3):
        shards.put(number, b"now", a_shard(10))
    assert [shards.take(number, b"now") is not None for number in range(3)] == [False, True, True]


def test_all_who_ask_for_a_pump_get_the_same_shards() -> None:
    assert shards_of("ddi a") is shards_of("ddi a")
    assert shards_of("ddi a") is not shards_of("ddi b")
