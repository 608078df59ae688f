import pytest
from arrivals import FEEDER, USER, a_delivery
from lists import check_branches

from winnowry.schemas.arrival import Arrival, identify
from winnowry.schemas.delivery import BODY_LIMIT, Delivery
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason
from winnowry.transforms.decode import Decode, decode

BODY = (
    b'{"pubTime": "20261121T210522.127110243", "relPath": "a/b/foo 1#x.txt", "baseUrl": "http://localhost:8001/", '
    b'"source": "bob", "size": 17, "colour": "red"}'
)
EDGES = {edge.queue: edge for edge in (USER, FEEDER)}


def ending(delivery: Delivery) -> tuple[Ending, Reason]:
    outcome = decode(delivery, EDGES)
    assert isinstance(outcome, Outcome)
    assert (outcome.arrival, outcome.delivery) == (None, delivery)
    return outcome.ending, outcome.reason


def test_post_becomes_an_arrival_of_the_edge_it_came_by() -> None:
    delivery = a_delivery(FEEDER, body=BODY)
    arrival = decode(delivery, EDGES)
    assert isinstance(arrival, Arrival)
    assert (arrival.edge, arrival.delivery, arrival.identity) == (FEEDER, delivery, identify(delivery))
    assert (arrival.post.rel_path, arrival.post.size, arrival.post.source) == ("a/b/foo 1#x.txt", 17, "bob")


def test_redelivered_message_is_known_again() -> None:
    first, again = a_delivery(body=BODY, tag=7), a_delivery(body=BODY, tag=1, epoch=2, redelivered=True, attempt=3)
    assert decode(first, EDGES).identity == decode(again, EDGES).identity


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}", b'{"pubTime": 1}'])
def test_unreadable_body_is_malformed(body: bytes) -> None:
    assert ending(a_delivery(body=body))[0] is Ending.MALFORMED


def test_body_above_the_limit_is_not_even_read() -> None:
    body = BODY + b" " * (BODY_LIMIT + 1 - len(BODY))
    assert ending(a_delivery(body=body)) == (Ending.MALFORMED, Reason.BODY_TOO_LARGE)
    assert isinstance(decode(a_delivery(body=body[:-1]), EDGES), Arrival)


def test_report_is_refused() -> None:
    report = BODY[:-1] + b', "report": {"code": 201, "timeCompleted": "20261121T210805.4", "message": "done"}}'
    assert ending(a_delivery(body=report)) == (Ending.REFUSED, Reason.UNEXPECTED_REPORT)


def test_report_that_is_wanted_becomes_an_arrival_of_the_post_it_answers() -> None:
    report = BODY[:-1] + b', "report": {"code": 201, "timeCompleted": "20261121T210805.4", "user": "carol"}}'
    arrival = decode(a_delivery(body=report), EDGES, reports=True)
    assert isinstance(arrival, Arrival) and arrival.report is not None
    assert (arrival.post.rel_path, arrival.report.code, arrival.report.user) == ("a/b/foo 1#x.txt", 201, "carol")


def test_message_of_a_queue_that_was_taken_off_the_settings_is_refused() -> None:
    assert ending(a_delivery(body=BODY, queue="q_feeder.ingest.carol")) == (Ending.REFUSED, Reason.QUEUE_NOT_READ)


def test_deliveries_become_arrivals_or_end() -> None:
    good, bad = a_delivery(body=BODY), a_delivery(body=b"{")
    check_branches(Decode(inputs=(USER,)), [good, bad], going_on=[decode(good, EDGES)], ended=[decode(bad, EDGES)])
