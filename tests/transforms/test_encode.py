import json
from typing import Any

import msgspec
import pytest
from arrivals import FEEDER, INTERNAL, USER, a_delivery, an_arrival
from lists import check_outcomes

from winnowry.schemas import wire
from winnowry.schemas.arrival import Arrival, Fetched, identify
from winnowry.schemas.delivery import Message
from winnowry.schemas.edge import InputEdge, OutputEdge
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.outcome import Ending
from winnowry.schemas.post import Content
from winnowry.schemas.reasons import Reason
from winnowry.transforms.encode import Encode, encode
from winnowry.transforms.route import Routes

ROUTES = Routes(public=OutputEdge(exchange="xpublic", unheard=True), private=OutputEdge(exchange="xprivate"))
OURS = "https://ddi.example.org/"
SPACED = b'{"pubTime" : "20260101T000000.0","baseUrl":"https://example.org/", "relPath": "a/b.bufr", "colour" :"red"}'


def announcement(arrival: Arrival, base_url: str = "") -> Message:
    outcome = encode(arrival, ROUTES, base_url)
    assert (outcome.ending, outcome.arrival) == (Ending.ANNOUNCED, arrival)
    (message,) = outcome.announcements
    return message


def announced(arrival: Arrival, base_url: str = "") -> dict[str, Any]:
    return json.loads(announcement(arrival, base_url).body)


def relayed(edge: InputEdge, body: bytes = SPACED, **fields: Any) -> Arrival:
    delivery = a_delivery(edge, body=body, routing_key="v03.post.a", **fields)
    return Arrival(post=wire.read(delivery), edge=edge, identity=identify(delivery), delivery=delivery)


def test_our_copy_is_announced_where_it_is() -> None:
    post = announced(an_arrival(place="20260101/alice/a/b.bufr"), OURS)
    assert (post["baseUrl"], post["relPath"], post["originPath"]) == (OURS, "20260101/alice/a/b.bufr", "a/b.bufr")


def test_message_is_one_that_existing_networks_understand() -> None:
    message = announcement(an_arrival(place="20260101/alice/a/b.bufr"), OURS)
    assert (message.exchange, message.routing_key) == ("xpublic", "v03.20260101.alice.a")
    assert (message.content_type, message.headers) == ("application/json", {})


def test_origin_path_is_forwarded_from_pump_to_pump() -> None:
    assert announced(an_arrival(FEEDER, place="x/b", origin_path="first/path"), OURS)["originPath"] == "first/path"


def test_who_announced_it_and_for_whom_is_kept() -> None:
    kept = {
        "source": "bob",
        "from_cluster": "dd.example.org",
        "to_clusters": "ALL",
        "mode": "644",
        "mtime": "20260101T000000.5",
    }
    post = announced(an_arrival(FEEDER, place="x/b", **kept), OURS)
    assert {key: post[key] for key in kept} == kept


def test_how_to_get_it_from_its_source_is_dropped() -> None:
    content = Content(encoding="utf-8", value="hello")
    arrival = an_arrival(place="new/b", retrieve_path="api?id=1", rename="new/", content=content)
    assert not {"retrievePath", "rename", "content"} & set(announced(arrival, OURS))


def test_size_and_checksum_that_were_found_are_announced() -> None:
    fingerprint = Fingerprint(method="sha512", value="AAAA")
    arrival = msgspec.structs.replace(
        an_arrival(place="b", fingerprint=fingerprint), fetched=Fetched(temporary=None, size=5, method="sha512")
    )
    post = announced(arrival, OURS)
    assert (post["size"], post["identity"]) == (5, {"method": "sha512", "value": "AAAA"})


def test_private_post_leaves_by_the_private_edge_and_must_be_heard() -> None:
    message = announcement(an_arrival(place="b", private=True), OURS)
    assert (message.exchange, message.mandatory) == ("xprivate", True)
    assert not announcement(an_arrival(place="b"), OURS).mandatory


def test_operation_is_announced_as_one() -> None:
    arrival = an_arrival(place="day/b", file_op={"link": "../c"})
    assert announced(arrival, OURS)["fileOp"] == {"link": "../c"}
    assert encode(arrival, ROUTES, OURS).reason is Reason.OPERATION_DONE


def test_internal_relay_passes_the_body_on_byte_for_byte() -> None:
    message = announcement(relayed(INTERNAL))
    assert (message.body, message.exchange, message.routing_key) == (SPACED, "xpublic", "v03.post.a")
    assert message.content_type == "application/json"


def test_relay_from_a_feeder_passes_on_what_it_did_not_change() -> None:
    arrival = relayed(FEEDER)
    assert announcement(arrival).body == SPACED
    changed = msgspec.structs.replace(arrival, post=msgspec.structs.replace(arrival.post, source="dd"))
    assert announced(changed)["source"] == "dd"
    assert announced(changed)["colour"] == "red"


@pytest.mark.parametrize("name", [b"_deleteOnPost", b"new_dir", b"\\u005fformat", b"n\\u0065w_file"])
def test_relay_from_a_feeder_passes_on_no_field_that_is_for_inside_a_pump(name: bytes) -> None:
    body = SPACED[:-1] + b', "' + name + b'": "/etc"}'
    post = announced(relayed(FEEDER, body=body))
    assert set(post) == {"pubTime", "baseUrl", "relPath", "colour"}


def test_relay_from_a_user_announces_what_was_stamped() -> None:
    arrival = relayed(USER)
    stamped = msgspec.structs.replace(arrival, post=msgspec.structs.replace(arrival.post, source="alice", from_cluster="ddi"))
    post = announced(stamped)
    assert (post["source"], post["from_cluster"], post["baseUrl"]) == ("alice", "ddi", "https://example.org/")


def test_relay_turns_v02_into_v03() -> None:
    body = b"20260101000000.0 http://localhost:8001/ a/b/foo%201.txt"
    headers = {"parts": "1,17,1,0,0", "source": "bob"}
    message = announcement(relayed(INTERNAL, body=body, content_type="text/plain", headers=headers))
    assert (message.routing_key, message.content_type, message.headers) == ("v03.a.b", "application/json", {})
    assert json.loads(message.body)["relPath"] == "a/b/foo 1.txt"


def test_post_without_a_way_out_is_refused() -> None:
    outcome = encode(an_arrival(private=True), Routes(public=OutputEdge(exchange="xpublic")), OURS)
    assert (outcome.ending, outcome.reason) == (Ending.REFUSED, Reason.PRIVATE_WITHOUT_EDGE)


def test_arrivals_become_outcomes() -> None:
    arrival = an_arrival(place="b")
    check_outcomes(Encode(routes=ROUTES, base_url=OURS), [arrival], [encode(arrival, ROUTES, OURS)])


def test_what_the_next_pump_would_not_read_is_not_announced() -> None:
    arrival = an_arrival(foreign={"x": msgspec.Raw(b'"' + b"x" * 2**20 + b'"')}, place="alice/b.bufr")
    outcome = encode(arrival, ROUTES, OURS)
    assert (outcome.ending, outcome.reason, outcome.announcements) == (Ending.MALFORMED, Reason.BODY_TOO_LARGE, ())
