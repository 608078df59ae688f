from hypothesis import given
from hypothesis import strategies as st

from winnowry.schemas.roll import Roll

identities = st.lists(st.integers(0, 3).map(lambda number: bytes([number])), max_size=12)


def counted_again(former: list[bytes], again: list[bytes]) -> int:
    """Return how many of those that came again are taken for others."""
    roll = Roll(former)
    return sum(not roll.meets(tag, identity) for tag, identity in enumerate(again))


@given(identities, identities, st.data())
def test_who_was_counted_is_never_counted_again_however_alike_they_are(
    counted: list[bytes], others: list[bytes], data: st.DataObject
) -> None:
    settled = data.draw(st.integers(0, len(counted)))
    assert counted_again(counted, counted[settled:]) == 0
    assert counted_again(counted, counted[settled:] + others) <= len(others)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9))
def test_of_different_messages_exactly_the_others_are_counted(settled: int, unsettled: int, others: int) -> None:
    queue = [bytes([number]) for number in range(settled + unsettled + others)]
    assert counted_again(queue[: settled + unsettled], queue[settled:]) == others


@given(identities, st.data())
def test_nothing_behind_one_that_was_not_counted_was_counted(counted: list[bytes], data: st.DataObject) -> None:
    settled = data.draw(st.integers(0, len(counted)))
    others = [b"new", *data.draw(identities)]
    assert counted_again(counted, counted[settled:] + others) == len(others)


def test_the_twin_of_a_message_that_was_counted_and_settled_is_counted() -> None:
    twins = [bytes([number]) for number in range(5)]
    assert counted_again([*twins, b"x", b"y"], [b"y", *twins]) == 5


@given(identities, st.data())
def test_it_does_not_matter_in_which_order_they_are_asked_after(counted: list[bytes], data: st.DataObject) -> None:
    apart = [bytes([place, *identity]) for place, identity in enumerate(counted)]
    roll = Roll(apart)
    asked = data.draw(st.permutations(list(enumerate(apart))))
    assert all(roll.meets(tag, identity) for tag, identity in asked)


def test_asking_twice_for_the_same_message_gives_the_same() -> None:
    roll = Roll([b"a"])
    assert [roll.meets(1, b"a"), roll.meets(1, b"a"), roll.meets(2, b"a"), roll.meets(3, b"b")] == [True, True, False, False]
