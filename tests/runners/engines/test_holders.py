from collections.abc import Sequence

from arrivals import a_delivery

from winnowry.runners.engines.holders import Holders
from winnowry.schemas.delivery import Delivery

FRESH, LATER = a_delivery(tag=1), a_delivery(tag=2, held_by="q_feeder.ingest.later.1")


class Holder:
    def __init__(self, name: str, calls: list[tuple[str, str, list[Delivery]]]) -> None:
        self.name, self.calls = name, calls

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        self.calls.append((self.name, "settle", list(deliveries)))

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        self.calls.append((self.name, "put back", list(deliveries)))


def test_each_delivery_is_settled_with_whom_holds_it() -> None:
    calls: list[tuple[str, str, list[Delivery]]] = []
    Holders(Holder("broker", calls), Holder("store", calls)).settle([LATER, FRESH])
    assert calls == [("broker", "settle", [FRESH]), ("store", "settle", [LATER])]


def test_what_has_waited_longest_is_given_back_first() -> None:
    calls: list[tuple[str, str, list[Delivery]]] = []
    Holders(Holder("broker", calls), Holder("store", calls)).put_back([FRESH, LATER])
    assert calls == [("store", "put back", [LATER]), ("broker", "put back", [FRESH])]


def test_nobody_is_asked_about_nothing() -> None:
    calls: list[tuple[str, str, list[Delivery]]] = []
    holders = Holders(Holder("broker", calls), Holder("store", calls))
    holders.settle([])
    holders.put_back([FRESH])
    assert calls == [("broker", "put back", [FRESH])]
