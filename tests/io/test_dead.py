import pytest
from brokers import Vhost, eventually
from inbox import bound, publish
from msgspec.structs import replace

from winnowry.io.amqp import AmqpBroker, AmqpSettings
from winnowry.io.amqp.browse import browse
from winnowry.io.amqp.letters import drop, resubmit
from winnowry.io.broker import Queue, Topology
from winnowry.io.dead import DeadLetter, bury, dead_queue, read_letter, resubmission
from winnowry.io.later import later_topology, restore
from winnowry.schemas.arrival import identify
from winnowry.schemas.delivery import Delivery, Message
from winnowry.schemas.errors import Terminal
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.reasons import Reason

FIRST = Delivery(
    body=b"{}",
    queue="q_feeder.ingest.alice",
    exchange="xs_alice",
    routing_key="v03.a",
    headers={"sum": "d,0"},
    tag=7,
    attempt=3,
)
FAILED = Outcome(ending=Ending.FAILED, reason=Reason.GONE, delivery=FIRST, detail="410 from the source")


def letter(outcome: Outcome = FAILED, now: int = 5) -> Message:
    return bury(outcome, now, account="feeder", pump="ingest")


def come(copy: Message) -> Delivery:
    return Delivery(
        body=copy.body,
        queue=copy.routing_key,
        exchange="",
        routing_key=copy.routing_key,
        content_type=copy.content_type,
        headers=copy.headers,
        tag=1,
    )


def test_a_letter_says_what_became_of_the_message() -> None:
    read = read_letter(come(letter()))
    assert (read.ending, read.reason, read.detail, read.attempts, read.when) == ("failed", "gone", "410 from the source", 3, 5)
    assert (read.message.exchange, read.message.routing_key, read.message.queue) == (
        "xs_alice",
        "v03.a",
        "q_feeder.ingest.alice",
    )
    assert read.message.headers == FIRST.headers
    assert read.name == identify(FIRST).hex()[:12]


def test_a_long_detail_is_cut_to_500_bytes() -> None:
    read = read_letter(come(letter(replace(FAILED, detail="é" * 400))))
    assert read.detail == "é" * 250


def test_a_resubmitted_letter_is_a_first_attempt_at_the_same_message() -> None:
    again, _ = restore(come(resubmission(read_letter(come(letter())), 6, account="feeder", pump="ingest")))
    assert (again.attempt, again.exchange, again.queue, again.headers) == (
        1,
        "xs_alice",
        "q_feeder.ingest.alice",
        FIRST.headers,
    )
    assert identify(again) == identify(FIRST)


def test_a_stranger_in_the_queue_can_be_shown() -> None:
    read = read_letter(Delivery(body=b"x", queue="q_feeder.ingest.dead", exchange="xpublic", headers={"winnowry_when": "?"}))
    assert (read.ending, read.reason, read.when, read.message.exchange) == ("failed", "bug", 0, "xpublic")


def bury_all(vhost: Vhost, count: int, *queues: Queue) -> list[DeadLetter]:
    """Bury so many messages, in a queue made here as these are; return their letters."""
    broker = AmqpBroker(AmqpSettings(urls=(vhost.url,)))
    broker.declare(bound())
    broker.declare(Topology(queues=(dead_queue("feeder", "ingest"), *queues)))
    outcomes = [replace(FAILED, delivery=replace(FIRST, body=b"%d" % number)) for number in range(count)]
    copies = [letter(outcome) for outcome in outcomes]
    publish(broker, copies)
    broker.close()
    return [read_letter(come(copy)) for copy in copies]


@pytest.mark.e2e
def test_letters_are_listed_dropped_and_resubmitted_on_a_broker(vhost: Vhost) -> None:
    settings = AmqpSettings(urls=(vhost.url,))
    bury_all(vhost, 3, *later_topology("feeder", "ingest"))
    letters = [read_letter(delivery) for delivery in browse(settings, "q_feeder.ingest.dead")]
    assert [one.message.body for one in letters] == [b"0", b"1", b"2"]
    assert drop(settings, "feeder", "ingest", {letters[0].name}) == 1
    assert resubmit(settings, "feeder", "ingest", {letters[1].name, "unknown"}) == 1
    assert [delivery.body for delivery in browse(settings, "q_feeder.ingest.dead")] == [b"2"]
    assert vhost.take("q_feeder.ingest.later.1", 1) == [b"1"]


@pytest.mark.e2e
def test_letters_of_any_number_are_resubmitted_in_one_go(vhost: Vhost) -> None:
    letters = bury_all(vhost, 12_000, *later_topology("feeder", "ingest"))
    names = {one.name for one in letters if one.message.body != b"7"}
    told: list[int] = []
    assert resubmit(AmqpSettings(urls=(vhost.url,)), "feeder", "ingest", names, watch=told.append) == 11_999
    assert told == [*range(500, 12_000, 500), 11_999]
    eventually(lambda: vhost.depth("q_feeder.ingest.later.1") == 11_999)
    assert vhost.take("q_feeder.ingest.dead", 1) == [b"7"]


@pytest.mark.e2e
def test_who_is_interrupted_while_resubmitting_loses_no_letter(vhost: Vhost) -> None:
    letters = bury_all(vhost, 1200, *later_topology("feeder", "ingest"))

    def interrupt(_done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resubmit(AmqpSettings(urls=(vhost.url,)), "feeder", "ingest", {one.name for one in letters}, watch=interrupt)
    again = vhost.take("q_feeder.ingest.later.1", 500)
    left = vhost.take("q_feeder.ingest.dead", 700)
    assert sorted(again + left) == sorted(one.message.body for one in letters)


@pytest.mark.e2e
def test_letters_stay_where_nothing_takes_their_copies(vhost: Vhost) -> None:
    letters = bury_all(vhost, 3)
    with pytest.raises(Terminal, match=r"later\.1 did not take every copy"):
        resubmit(AmqpSettings(urls=(vhost.url,)), "feeder", "ingest", {one.name for one in letters})
    assert vhost.take("q_feeder.ingest.dead", 3) == [b"0", b"1", b"2"]


@pytest.mark.e2e
def test_a_pump_without_dead_letters_says_so(vhost: Vhost) -> None:
    with pytest.raises(Terminal, match="not_found"):
        browse(AmqpSettings(urls=(vhost.url,)), "q_feeder.ingest.dead")
