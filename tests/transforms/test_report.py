import json
from typing import Any

import msgspec
import pytest
from arrivals import NOW, a_delivery, an_arrival

from winnowry.schemas import wire
from winnowry.schemas.delivery import Message
from winnowry.schemas.outcome import Ending, Outcome, end, refuse
from winnowry.schemas.post import Content
from winnowry.schemas.reasons import Reason
from winnowry.schemas.report import Report
from winnowry.transforms.report import report_of


def told(outcome: Outcome, started: float | None = None) -> Message | None:
    return report_of(outcome, exchange="xl_feeder", host="pump.example.org", user="feeder", now=NOW, started=started)


def body(outcome: Outcome, **options: Any) -> dict[str, Any]:
    message = told(outcome, **options)
    assert message is not None
    return json.loads(message.body)


def test_report_says_what_every_definition_in_use_asks_for() -> None:
    assert body(refuse(an_arrival(), Reason.TOO_LARGE, "11 bytes, 10 allowed"), started=NOW - 1.5)["report"] == {
        "code": 413,
        "resultCode": 413,
        "timeCompleted": "20260101T000000.000000000",
        "message": "11 bytes, 10 allowed",
        "elapsedTime": 1.5,
        "host": "pump.example.org",
        "user": "feeder",
        "reason": "too_large",
        "ending": "refused",
    }


def test_report_carries_the_post_it_answers() -> None:
    arrival = an_arrival(size=17, source="alice", foreign={"colour": msgspec.Raw(b'"red"')})
    post = body(end(arrival, Ending.DELIVERED, Reason.DONE))
    assert (post["relPath"], post["size"], post["source"], post["colour"]) == ("a/b.bufr", 17, "alice", "red")


def test_report_does_not_carry_content() -> None:
    arrival = an_arrival(content=Content(encoding="utf-8", value="hello"))
    assert "content" not in body(end(arrival, Ending.DELIVERED, Reason.DONE))


@pytest.mark.parametrize("fields", [{"foreign": {"x": msgspec.Raw(b'"' + b"x" * 2**20 + b'"')}}, {"rel_path": "ü" * 2**20}])
def test_report_of_a_post_that_fills_a_body_can_be_read(fields: dict[str, Any]) -> None:
    message = told(refuse(an_arrival(source="alice", **fields), Reason.PATH_UNUSABLE))
    assert message is not None
    report = wire.read(a_delivery(body=message.body))
    assert isinstance(report, Report)
    assert report.post is not None
    assert (report.reason, report.post.source) == ("path_unusable", "alice")
    assert len(report.post.rel_path) <= 4096


def test_report_is_addressed_like_its_post() -> None:
    message = told(end(an_arrival(), Ending.ANNOUNCED, Reason.DONE))
    assert message is not None
    assert (message.exchange, message.routing_key, message.content_type) == ("xl_feeder", "v03.a", "application/json")


def test_report_tells_no_password() -> None:
    assert body(refuse(an_arrival(base_url="https://alice:s:e@cret@h/"), Reason.TOO_OLD))["baseUrl"] == "https://alice@h/"


def test_report_is_written_whatever_the_detail_holds() -> None:
    report = body(refuse(an_arrival(), Reason.SERVER_ERROR, "no host \udcff" + "x" * 5000))["report"]
    assert report["message"] == "no host ?" + "x" * 991


def test_report_without_a_detail_tells_its_reason() -> None:
    assert body(end(an_arrival(), Ending.REPEAT, Reason.KNOWN_CONTENT))["report"]["message"] == "known_content"


def test_our_own_report_is_read_as_one() -> None:
    message = told(end(an_arrival(), Ending.ANNOUNCED, Reason.DONE))
    assert message is not None
    assert isinstance(wire.read(a_delivery(body=message.body)), Report)


@pytest.mark.parametrize("ending", [Ending.PARKED, Ending.RETRIED])
def test_what_is_not_over_is_not_reported(ending: Ending) -> None:
    assert told(end(an_arrival(), ending, Reason.UNREACHABLE)) is None


def test_report_is_never_answered_by_a_report() -> None:
    outcome = Outcome(ending=Ending.REFUSED, reason=Reason.UNEXPECTED_REPORT, delivery=a_delivery())
    assert told(outcome) is None
    assert told(refuse(msgspec.structs.replace(an_arrival(), report=Report(code=201)), Reason.NOT_SELECTED)) is None
