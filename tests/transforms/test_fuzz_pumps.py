"""Whatever comes off a queue goes through every pure step of every kind of pump, and leads nowhere outside."""

import time
from os.path import normpath
from pathlib import Path

import msgspec
from arrivals import FEEDER, INTERNAL, NOW, USER
from hypothesis import given
from hypothesis import strategies as st
from mutations import deliveries

from winnowry.io.bookkeeping import PREFIX
from winnowry.io.dead import bury, read_letter
from winnowry.io.fetch import request_for
from winnowry.io.files import Files
from winnowry.io.http import url_of
from winnowry.io.later import postpone, restore, strip
from winnowry.io.local import local_path
from winnowry.schemas.arrival import Arrival, identify
from winnowry.schemas.delivery import BODY_LIMIT, Delivery, Message
from winnowry.schemas.edge import InputEdge, OutputEdge
from winnowry.schemas.errors import Malformed, Refused
from winnowry.schemas.outcome import Ending, Outcome
from winnowry.schemas.post import Post
from winnowry.schemas.reasons import Reason
from winnowry.schemas.report import Report
from winnowry.schemas.wire import read
from winnowry.transforms.accept import accept
from winnowry.transforms.bounds import Bounds
from winnowry.transforms.decode import decode
from winnowry.transforms.encode import encode
from winnowry.transforms.filters import Filters
from winnowry.transforms.layout import Layout
from winnowry.transforms.locate import locate
from winnowry.transforms.report import report_of
from winnowry.transforms.route import Routes
from winnowry.transforms.validate import validate
from winnowry.transforms.winnow import Scope, claim_of, departure_of

ROUTES = Routes(public=OutputEdge(exchange="xpublic"), private=OutputEdge(exchange="xprivate"))
LAYOUTS = (Layout(), Layout(template="{source}/{rel_path}"), Layout(strip=2), Layout(template="x/{name}", flatten="_"))
BOUNDS = Bounds(max_future=None, file_roots=("/srv/files",))
edges = st.sampled_from([USER, FEEDER, INTERNAL])


def admitted(delivery: Delivery, edge: InputEdge, relays: bool) -> Arrival | Outcome:
    found = decode(msgspec.structs.replace(delivery, queue=edge.queue), {edge.queue: edge})
    chosen = accept(found, Filters(accept=("**/*", "re:.*"))) if isinstance(found, Arrival) else found
    return validate(chosen, BOUNDS, "ddi.example.org", time.time, relays) if isinstance(chosen, Arrival) else chosen


def check_told(outcome: Outcome) -> None:
    """An ending can be told: by a Report that can be read, and by a dead letter that gives the message back."""
    report = report_of(outcome, exchange="xl_feeder", host="h", user="feeder", now=NOW)
    if report is not None:
        assert len(report.body) <= BODY_LIMIT
        assert isinstance(read_message(report), Report)
    letter = bury(outcome, 1, account="feeder", pump="ingest")
    held = come_back(letter)
    assert (read_letter(held).message.body, read_letter(held).reason) == (outcome.delivery.body, outcome.reason.code)


def come_back(copy: Message) -> Delivery:
    """Return what a queue of ours hands out of a copy."""
    return Delivery(body=copy.body, queue=copy.routing_key, exchange="", headers=copy.headers, content_type=copy.content_type)


def read_message(message: Message) -> Post | Report:
    return read(Delivery(body=message.body, queue="q", exchange="x", content_type=message.content_type))


def check_inside(arrival: Arrival) -> None:
    """A place is below the root, and what is fetched for it comes from where the Post says, and from allowed folders."""
    assert (normpath(f"/srv/data/{arrival.place}") + "/").startswith("/srv/data/")
    assert normpath(arrival.place) == arrival.place
    url = url_of(arrival.post)
    assert url.startswith(arrival.post.base_url.removesuffix("/") + "/")
    assert not any(character.isspace() for character in url)
    if arrival.post.base_url.lower().startswith("file:"):
        try:
            assert local_path(url).is_relative_to("/srv/files")
        except Refused:
            return


@given(deliveries, edges, st.sampled_from(LAYOUTS))
def test_nothing_that_a_fetching_pump_takes_leads_out_and_every_ending_can_be_told(
    delivery: Delivery, edge: InputEdge, layout: Layout
) -> None:
    arrival = admitted(delivery, edge, relays=False)
    located = locate(arrival, layout) if isinstance(arrival, Arrival) else arrival
    if isinstance(located, Outcome):
        check_told(located)
        return
    check_inside(located)
    claim_of(located, scope=Scope(by_source=True))
    try:
        request_for(located, Files(root=Path("/srv/data")))
    except Malformed:
        return
    outcome = encode(located, ROUTES, "https://ddi.example.org/")
    check_told(outcome)
    for message in outcome.announcements:
        announced = read_message(message)
        assert isinstance(announced, Post)
        assert (announced.rel_path, announced.source) == (located.place, located.post.source)


@given(deliveries, edges)
def test_whatever_a_relay_passes_on_can_be_read_and_says_what_was_judged(delivery: Delivery, edge: InputEdge) -> None:
    arrival = admitted(delivery, edge, relays=True)
    if isinstance(arrival, Outcome):
        check_told(arrival)
        return
    for same in ("path", "data"):
        claim_of(arrival, scope=Scope(same=same))  # type: ignore[arg-type]
        departure_of(arrival, scope=Scope())
    outcome = encode(arrival, ROUTES)
    check_told(outcome)
    for message in outcome.announcements:
        assert read_message(message) == arrival.post
        assert (message.headers, len(message.body) <= BODY_LIMIT) == ({}, True)


@given(deliveries, st.integers(1, 50), st.floats(0, 10_000))
def test_what_comes_back_later_is_what_came_at_first(delivery: Delivery, attempt: int, delay: float) -> None:
    first = msgspec.structs.replace(strip(delivery), attempt=attempt)
    copy = postpone(first, delay, Reason.UNREACHABLE, 1, account="feeder", pump="ingest")
    back, _ = restore(come_back(copy))
    assert (back.queue, back.exchange, back.routing_key) == (first.queue, first.exchange, first.routing_key)
    assert back.attempt == attempt + 1
    assert (identify(back), back.headers) == (identify(first), first.headers)
    assert not any(name.startswith(PREFIX) for name in back.headers)


@given(deliveries)
def test_every_ending_of_a_message_that_made_a_step_raise_can_be_told(delivery: Delivery) -> None:
    check_told(Outcome(ending=Ending.FAILED, reason=Reason.BUG, delivery=delivery, detail="\ud800" + "x" * 2000))
