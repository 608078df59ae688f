import msgspec
import pytest
from arrivals import INTERNAL, a_delivery, an_arrival
from hypothesis import given
from strategies import posts

from winnowry.runners.flink.parcels import Parcel, pack, unpack
from winnowry.schemas.arrival import Arrival, identify
from winnowry.schemas.post import Post
from winnowry.transforms.winnow import Scope, claim_of


def carried(arrival: Arrival) -> Arrival | None:
    (parcel,) = unpack(pack([Parcel.of(arrival)]))
    return parcel.unwrap()


@given(posts)
def test_an_arrival_is_the_same_on_the_other_side(post: Post) -> None:
    delivery = a_delivery(INTERNAL, headers={"sum": "d,0", "count": 7, "nested": {"a": [1, None]}}, epoch=3, attempt=2)
    arrival = Arrival(post=post, edge=INTERNAL, identity=identify(delivery), delivery=delivery, place="a/b")
    assert carried(arrival) == arrival


def test_fields_that_we_do_not_know_go_on_as_they_came() -> None:
    post = an_arrival(foreign={"colour": msgspec.Raw(b' "r\\u00e9d" ')})
    found = carried(post)
    assert found is not None
    assert {name: bytes(value) for name, value in found.post.foreign.items()} == {"colour": b' "r\\u00e9d" '}


@pytest.mark.parametrize("field", ["blocks", "file_op"])
def test_numbers_that_fit_into_no_register_do_not_stop_a_pump(field: str) -> None:
    arrival = an_arrival(**{field: {"size": 10**30, "manifest": {"0": {"size": -(10**30)}}}})
    assert carried(arrival) == arrival


def test_a_departure_travels_without_an_arrival() -> None:
    claim = claim_of(an_arrival(), scope=Scope())
    (parcel,) = unpack(pack([Parcel(claim=claim)]))
    assert (parcel.claim, parcel.unwrap()) == (claim, None)
