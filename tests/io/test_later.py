import pytest
from inbox import Inbox, bound, publish
from msgspec.structs import replace

from winnowry.io.broker import Topology
from winnowry.io.fake import FakeBroker
from winnowry.io.fake_server import FakeExchangeServer
from winnowry.io.later import later_topology, onward, postpone, restore, strip
from winnowry.schemas.arrival import identify
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.reasons import Reason

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
FIRST = Delivery(
    body=b"{}",
    queue="q_feeder.ingest.alice",
    exchange="xs_alice",
    routing_key="v02.post.a",
    content_type="text/plain",
    headers={"sum": "d,0", "parts": "1,17,1,0,0"},
    tag=7,
    epoch=3,
)


def later(delivery: Delivery, delay: float, reason: Reason = Reason.UNREACHABLE, now: int = NOW) -> Message:
    return postpone(delivery, delay, reason, now, account="feeder", pump="ingest")


def come(copy: Message, tag: int = 1) -> Delivery:
    """The copy as the consumer of its later queue gets it."""
    return Delivery(
        body=copy.body,
        queue=copy.routing_key,
        exchange=copy.exchange,
        routing_key=copy.routing_key,
        content_type=copy.content_type,
        headers=copy.headers,
        tag=tag,
        epoch=9,
    )


def test_a_postponed_message_comes_back_as_it_was() -> None:
    restored, due = restore(come(later(FIRST, 10)))
    expected = replace(FIRST, tag=1, epoch=9, attempt=2, held_by="q_feeder.ingest.later.10")
    assert (restored, due) == (expected, NOW + 10 * SECOND)
    assert identify(restored) == identify(FIRST)


@pytest.mark.parametrize(("delay", "queue"), [(0, "1"), (1, "1"), (1.5, "10"), (60, "60"), (61, "600"), (4000, "600")])
def test_a_wait_goes_to_the_shortest_queue_that_covers_it(delay: float, queue: str) -> None:
    assert later(FIRST, delay).routing_key == f"q_feeder.ingest.later.{queue}"


def test_attempts_add_up_and_waiting_for_a_twin_is_none() -> None:
    second, _ = restore(come(later(FIRST, 1)))
    third, _ = restore(come(later(second, 10)))
    waited, _ = restore(come(later(third, 1, Reason.TWIN_ELSEWHERE)))
    assert [second.attempt, third.attempt, waited.attempt] == [2, 3, 3]
    assert (third.exchange, third.queue, third.headers) == (FIRST.exchange, FIRST.queue, FIRST.headers)


def test_a_long_wait_is_hops_through_the_longest_queue() -> None:
    copy: Message | None = later(FIRST, 1500)
    dues = []
    while copy is not None:
        restored, due = restore(come(copy))
        dues.append((due - NOW) // SECOND)
        copy = onward(come(copy))
    assert dues == [600, 1200, 1500]
    assert (restored.attempt, restored.headers, restored.exchange) == (2, FIRST.headers, FIRST.exchange)


def test_bookkeeping_from_anywhere_else_is_not_believed() -> None:
    forged = replace(FIRST, headers={**FIRST.headers, **later(replace(FIRST, attempt=99), 1).headers})
    assert strip(forged) == FIRST


def test_what_has_no_bookkeeping_is_passed_through_untouched() -> None:
    assert strip(FIRST) is FIRST


def test_a_stranger_in_a_later_queue_is_due_at_once() -> None:
    stranger = Delivery(body=b"x", queue="q_feeder.ingest.later.1", exchange="", headers={"winnowry_attempt": "many"}, tag=1)
    restored, due = restore(stranger)
    assert (restored.attempt, restored.headers, restored.queue, due) == (1, {}, "q_feeder.ingest.later.1", 0)


def test_a_restored_delivery_is_settled_where_it_is_held() -> None:
    server = FakeExchangeServer()
    broker, inbox = FakeBroker(server), Inbox()
    broker.declare(bound("q_feeder.ingest.alice", "xs_alice", "#"))
    broker.declare(Topology(queues=later_topology("feeder", "ingest")))
    publish(broker, [later(FIRST, 10)])
    broker.consume("q_feeder.ingest.later.10", 5, inbox.put)
    restored, _ = restore(inbox.take(1)[0])
    broker.settle([restored])
    broker.close()
    assert server.bodies("q_feeder.ingest.later.10") == []


def test_the_copy_of_a_message_without_content_type_has_none_either() -> None:
    restored, _ = restore(come(later(replace(FIRST, content_type=None), 1)))
    assert restored.content_type is None


def test_a_message_of_a_quorum_queue_is_the_same_however_often_it_is_delivered() -> None:
    first = replace(FIRST, headers={**FIRST.headers, "x-delivery-count": 0})
    again = replace(FIRST, headers={**FIRST.headers, "x-delivery-count": 1})
    assert identify(strip(first)) == identify(strip(again)) == identify(FIRST)
    restored, _ = restore(come(later(again, 10)))
    assert identify(restored) == identify(FIRST)
