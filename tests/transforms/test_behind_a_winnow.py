import itertools

import pytest
from arrivals import FEEDER, INTERNAL, USER, a_delivery
from msgspec.structs import replace

from winnowry.schemas.arrival import Arrival, Claim, identify
from winnowry.schemas.edge import InputEdge, OutputEdge
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.post import Post
from winnowry.schemas.v03 import write_v03
from winnowry.schemas.winnowed import read_winnowed, write_winnowed
from winnowry.transforms.encode import encode
from winnowry.transforms.route import Routes
from winnowry.transforms.winnow import Scope, Verdict, claim_of, judge, remember

NEWS, REPEAT, SUPERSEDED = Verdict.NEWS, Verdict.REPEAT, Verdict.SUPERSEDED
FUSE = "ddi.example.org/fuse"
ROUTES = Routes(public=OutputEdge(exchange="xpublic"))


def said(
    content: str = "A", source: str = "alice", edge: InputEdge = INTERNAL, headers: dict[str, str] | None = None
) -> Arrival:
    post = Post(
        pub_time="20260101T000000.5" if source == "alice" else "20260101T000000.1",
        base_url="https://example.org/",
        rel_path="a/f",
        source=source,
        size=3,
        fingerprint=Fingerprint(method="sha512", value=content),
    )
    delivery = replace(a_delivery(edge), body=write_v03(post), headers=headers)
    return Arrival(post=post, edge=edge, identity=identify(delivery), delivery=delivery)


def let_through(at: int, content: str, source: str, by: str = FUSE) -> Claim:
    """Return the claim of what a winnow let through at a time, when that source had told it."""
    return claim_of(said(content, source, headers=write_winnowed(at, by)), scope=Scope())


def heard(*claims: Claim) -> list[Verdict]:
    """Return what is said of claims that end well, one after the other."""
    history, verdicts = None, []
    for claim in claims:
        judgement = judge(history, claim)
        verdicts.append(judgement.verdict)
        if judgement.changes and judgement.verdict is not SUPERSEDED:
            judged = replace(claim, episode=judgement.episode)
            history = remember(history, judged, news=judgement.verdict is NEWS)
    return verdicts


@pytest.mark.parametrize("sources", list(itertools.product(("alice", "bob"), repeat=3)))
def test_content_that_comes_back_is_news_whichever_source_told_of_it_first(sources: tuple[str, str, str]) -> None:
    first, second, third = itertools.starmap(let_through, zip((1, 2, 3), "ABA", sources, strict=True))
    assert heard(first, second, third) == [NEWS, NEWS, NEWS]
    assert heard(first, second, third, third, second, replace(third, pub_time=4)) == [NEWS] * 3 + [REPEAT] * 3


def test_the_order_of_the_winnow_decides_and_not_the_clocks_of_its_sources() -> None:
    late = let_through(2, "B", "bob")
    assert heard(let_through(1, "A", "alice"), let_through(3, "C", "alice"), late) == [NEWS, NEWS, SUPERSEDED]


def test_of_two_winnows_that_say_the_same_one_is_winnowed() -> None:
    ours = [let_through(at, content, "alice") for at, content in ((1, "A"), (2, "B"), (3, "A"))]
    theirs = [let_through(at, content, "bob", "dd.example.org/fuse") for at, content in ((4, "A"), (5, "B"), (6, "A"))]
    assert heard(*ours, *theirs) == [NEWS] * 3 + [REPEAT] * 3


def test_no_user_is_believed_to_have_been_winnowed() -> None:
    header = write_winnowed(9, FUSE)
    assert claim_of(said(edge=USER, headers=header), scope=Scope()) == replace(
        claim_of(said(edge=USER), scope=Scope()), identity=identify(said(edge=USER, headers=header).delivery)
    )
    (message,) = encode(said(edge=USER, headers=header), ROUTES).announcements
    assert message.headers == {}


@pytest.mark.parametrize("text", ["", "1", "x fuse", "-1 fuse", "1 ", f"{10**19} fuse", "¹ fuse"])
def test_what_cannot_be_read_was_not_winnowed(text: str) -> None:
    assert read_winnowed({"winnowed": text}) is None
    assert read_winnowed({"winnowed": 7}) is None


@pytest.mark.parametrize("edge", [INTERNAL, FEEDER])
def test_a_winnow_says_when_it_let_something_through_and_later_pumps_repeat_it(edge: InputEdge) -> None:
    arrival = said(edge=edge, headers=write_winnowed(1, "dd/fuse"))
    claim = replace(claim_of(arrival, scope=Scope()), news_at=7)
    (message,) = encode(replace(arrival, claim=claim), ROUTES, winnow=FUSE).announcements
    assert message.headers == {"winnowed": f"7 {FUSE}"}
    for base_url in ("", "https://ddi.example.org/"):
        (onward,) = encode(said(edge=edge, headers=dict(message.headers)), ROUTES, base_url).announcements
        assert onward.headers == message.headers
