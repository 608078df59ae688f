from collections.abc import Iterable
from itertools import groupby
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from winnowry.schemas.arrival import Arrival, Claim, identify
from winnowry.schemas.delivery import Delivery
from winnowry.schemas.edge import InputEdge
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.history import History
from winnowry.schemas.post import Post
from winnowry.transforms.winnow import (
    ANNOUNCERS_LIMIT,
    CONTENTS_LIMIT,
    Judgement,
    Scope,
    Verdict,
    claim_of,
    departure_of,
    judge,
    note,
    remember,
)

NEWS, REPEAT, SUPERSEDED = Verdict.NEWS, Verdict.REPEAT, Verdict.SUPERSEDED


def said(announcer: str, content: str, at: int) -> Claim:
    return Claim(
        identity=f"{announcer} {content} {at}".encode(),
        path=bytes(16),
        content=content.encode().ljust(16),
        announcer=announcer.encode().ljust(8),
        pub_time=at,
        episode=0,
    )


class Path:
    """The memory of one path, stored and read again at every step, as after a restart."""

    def __init__(self) -> None:
        self.record: bytes | None = None
        self.news: list[str] = []

    @property
    def history(self) -> History | None:
        return None if self.record is None else History.unpack(self.record)

    def hear(self, claim: Claim, *, fails: bool = False) -> Verdict:
        judgement = judge(self.history, claim)
        if fails and judgement.verdict is NEWS:
            return NEWS
        if judgement.changes:
            judged = replace(claim, episode=judgement.episode)
            self.record = remember(self.history, judged, news=judgement.verdict is NEWS).pack()
        if judgement.verdict is NEWS:
            self.news.append(claim.content.strip().decode())
        return judgement.verdict

    def hear_all(self, claims: Iterable[Claim]) -> list[Verdict]:
        return [self.hear(claim) for claim in claims]


def test_second_source_is_winnowed_however_late_it_comes() -> None:
    first = [said("fast", content, at) for at, content in enumerate("ABCABA")]
    second = [said("slow", content, 1000 + at) for at, content in enumerate("ABCABA")]
    path = Path()
    assert path.hear_all(first) == [NEWS] * 6
    assert path.hear_all(second) == [REPEAT] * 6


def test_content_that_comes_back_is_news_each_time_once() -> None:
    path = Path()
    assert path.hear_all([said("a", "A", 1), said("b", "A", 2), said("a", "B", 3), said("a", "A", 5)]) == [
        NEWS,
        REPEAT,
        NEWS,
        NEWS,
    ]
    assert path.hear_all([said("b", "B", 4), said("b", "A", 6)]) == [REPEAT, REPEAT]


def test_a_file_removed_and_made_again_is_news() -> None:
    path = Path()
    assert path.hear_all(said("a", content, at) for at, content in enumerate(["A", "removal", "A", "removal"])) == [NEWS] * 4


def test_saying_the_same_again_later_is_a_repeat_that_must_be_remembered() -> None:
    path = Path()
    path.hear(said("a", "A", 1))
    assert judge(path.history, said("a", "A", 5)) == Judgement(REPEAT, 1, True)
    path.hear(said("a", "A", 5))
    assert path.hear(said("a", "B", 3)) is SUPERSEDED


def test_the_same_post_again_changes_nothing() -> None:
    path = Path()
    path.hear_all([said("a", "A", 1)])
    assert judge(path.history, said("a", "A", 1)) == Judgement(REPEAT, 1, False)


def test_a_retry_after_newer_content_is_superseded() -> None:
    path = Path()
    assert path.hear(said("a", "A", 1), fails=True) is NEWS
    assert path.hear(said("a", "B", 2)) is NEWS
    assert judge(path.history, said("a", "A", 1)) == Judgement(SUPERSEDED, 0, False)


def test_posts_of_one_instant_are_told_apart_by_their_content() -> None:
    path = Path()
    assert path.hear_all([said("a", "A", 1), said("a", "B", 7), said("a", "A", 7)]) == [NEWS, NEWS, NEWS]
    assert path.hear_all([said("a", "B", 7), said("a", "A", 7)]) == [REPEAT, REPEAT]


def test_a_twin_is_news_when_the_holder_of_the_reservation_failed() -> None:
    path = Path()
    path.hear(said("a", "A", 1), fails=True)
    assert path.hear(said("b", "A", 2)) is NEWS
    assert path.hear(said("a", "A", 1)) is REPEAT


def test_who_made_the_present_news_may_always_change_it() -> None:
    path = Path()
    path.hear_all([said("a", "Z", 1), said("a", "Y", 2), said("a", "Z", 3)])
    path.hear_all([said("b", "Y", 12), said("b", "X", 13)])
    assert path.hear(said("b", "Z", 14)) is NEWS
    assert path.news == ["Z", "Y", "Z", "X", "Z"]


truths = st.lists(st.sampled_from("ABC"), min_size=1, max_size=8).map(lambda contents: [key for key, _ in groupby(contents)])
sources = st.integers(1, 3)
chances = st.integers(0, 2**32).map(Random)


@given(truths, sources, chances)
def test_in_any_interleaving_each_episode_is_news_exactly_once(truth: list[str], count: int, random: Random) -> None:
    """Each source tells the whole truth in its own time; whatever was delivered may be delivered again."""
    path = Path()
    todo = {f"s{number}": [said(f"s{number}", content, 10 * at) for at, content in enumerate(truth)] for number in range(count)}
    done: list[Claim] = []
    while any(todo.values()):
        if done and random.random() < 0.3:
            assert path.hear(random.choice(done)) is not NEWS
        source = random.choice([source for source, posts in todo.items() if posts])
        done.append(todo[source].pop(0))
        path.hear(done[-1])
    assert path.news == truth


@given(truths, sources, chances)
def test_whatever_fails_and_is_retried_the_pump_ends_with_the_present_content(
    truth: list[str], count: int, random: Random
) -> None:
    """A Post that fails comes back at any later time, after younger ones too."""
    path = Path()
    todo = {f"s{number}": [said(f"s{number}", content, 10 * at) for at, content in enumerate(truth)] for number in range(count)}
    later: list[Claim] = []
    while any(todo.values()) or later:
        queues = [queue for queue in todo.values() if queue]
        retry = bool(later) and (not queues or random.random() < 0.3)
        claim = later.pop(random.randrange(len(later))) if retry else random.choice(queues).pop(0)
        fails = random.random() < 0.4
        if path.hear(claim, fails=fails) is NEWS and fails:
            later.append(claim)
    assert path.news[-1] == truth[-1]


def test_a_record_stays_small_however_often_its_file_changes() -> None:
    path = Path()
    assert path.hear_all(said("a", str(at), at) for at in range(300)) == [NEWS] * 300
    assert path.history is not None
    assert len(path.history.episodes) == CONTENTS_LIMIT
    assert path.hear(said("b", "3", 4)) is SUPERSEDED
    assert path.hear(said("b", "299", 300)) is REPEAT


def test_a_record_stays_small_however_many_announce_its_file() -> None:
    path = Path()
    path.hear_all(said(str(number), "A", number) for number in range(300))
    assert path.history is not None
    assert len(path.history.announcers) == ANNOUNCERS_LIMIT
    assert path.news == ["A"]


# -- what is claimed

SHA = Fingerprint(method="sha512", value="c2hh")
DATA = Scope(same="data")
PATHS = Scope()


def arrival(**fields: object) -> Arrival:
    exchange = str(fields.pop("exchange", "xs_alice"))
    facts: dict[str, object] = {"pub_time": "20260101T000000.5", "base_url": "file:", "rel_path": "a/f", "source": "alice"}
    post = Post(**({"size": 3, "fingerprint": SHA} | facts | fields))  # type: ignore[arg-type]
    delivery = Delivery(body=b"", queue="q", exchange=exchange)
    edge = InputEdge(kind="user", queue="q", exchange=exchange, user="alice")
    return Arrival(post=post, edge=edge, identity=identify(delivery), delivery=delivery)


def keys(scope: Scope = PATHS, **fields: object) -> tuple[bytes, bytes]:
    claim = claim_of(arrival(**fields), scope=scope)
    return claim.path, claim.content


def test_a_claim_has_keys_of_fixed_length_and_nanoseconds() -> None:
    claim = claim_of(arrival(), scope=PATHS)
    assert (len(claim.path), len(claim.content), len(claim.announcer)) == (16, 16, 8)
    assert claim.pub_time == 1_767_225_600_500_000_000


@pytest.mark.parametrize("pub_time", ["99991231T235959", "00010101T000000"])
def test_a_time_out_of_this_world_can_be_remembered(pub_time: str) -> None:
    history = note(None, claim_of(arrival(pub_time=pub_time), scope=PATHS))
    assert history is not None
    assert History.unpack(history.pack()) == history


def test_equal_content_at_two_paths_is_two_things() -> None:
    assert keys(rel_path="a/f")[0] != keys(rel_path="a/g")[0]
    assert keys(rel_path="a/f")[1] == keys(rel_path="a/g")[1]


def test_a_path_is_known_by_its_first_name() -> None:
    assert keys(rel_path="20260101/alice/a/f", origin_path="a/f") == keys(rel_path="a/f")


@pytest.mark.parametrize(
    "fields",
    [
        {"private": True},
        {"to_clusters": "two.example.org"},
        {"foreign": {"replayId": Raw(b'"7"')}},
        {"blocks": {"number": 2, "count": "3"}},
        {"blocks": {"number": "2"}},
    ],
)
def test_another_edge_replay_or_block_is_another_path(fields: dict[str, object]) -> None:
    assert keys(**fields)[0] != keys()[0]


def test_the_order_of_destinations_does_not_matter() -> None:
    assert keys(to_clusters="a, b") == keys(to_clusters="b,a")


def test_the_first_block_is_the_whole_file_where_there_is_one() -> None:
    assert keys(blocks={"number": 0, "count": 1}) == keys()


def test_a_block_number_without_end_is_none() -> None:
    assert keys(blocks={"number": "9" * 5000}) == keys()


def test_sources_share_a_path_unless_the_layout_keeps_them_apart() -> None:
    apart = Scope(by_source=True)
    assert keys(source="bob") == keys(source="alice")
    assert keys(apart, source="bob")[0] != keys(apart, source="alice")[0]


def test_announcers_are_told_apart_by_edge_and_source() -> None:
    claims = [
        claim_of(arrival(exchange=exchange, source=source), scope=PATHS)
        for exchange in ("x1", "x2")
        for source in ("alice", "bob")
    ]
    assert len({claim.announcer for claim in claims}) == 4


@pytest.mark.parametrize("fingerprint", [Fingerprint(method="random", value="7"), Fingerprint(method="cod", value="md5"), None])
def test_a_post_that_says_nothing_of_content_is_known_by_size_and_time(fingerprint: Fingerprint | None) -> None:
    known = keys(fingerprint=fingerprint, mtime="20260101T000000")
    assert known == keys(fingerprint=fingerprint, mtime="20260101T000000", pub_time="20260102T000000")
    assert known != keys(fingerprint=fingerprint, mtime="20260101T000001")
    assert known != keys(fingerprint=fingerprint, mtime="20260101T000000", size=4)
    assert keys(fingerprint=fingerprint) != keys(fingerprint=fingerprint, pub_time="20260102T000000")


def test_operations_are_contents_of_their_own() -> None:
    operations = [
        {"remove": ""},
        {"directory": ""},
        {"link": "x"},
        {"link": "y"},
        {"hlink": "x"},
        {"rename": "x"},
    ]
    assert len({keys(file_op=operation)[1] for operation in operations} | {keys()[1]}) == 7
    assert keys(file_op={"directory": ""}, mode="755") != keys(file_op={"directory": ""}, mode="700")
    assert keys(file_op={"remove": ""}) == keys(file_op={"remove": "", "directory": ""})


def test_where_content_is_all_that_counts_differently_named_twins_are_one() -> None:
    first, second = arrival(rel_path="a/f"), arrival(rel_path="b/g", exchange="xs_bob", source="bob")
    history = note(None, claim_of(first, scope=DATA))
    assert judge(history, claim_of(second, scope=DATA)) == Judgement(REPEAT, 1, False)
    assert judge(history, claim_of(arrival(rel_path="a/f", pub_time="20250101T000000"), scope=DATA)).verdict is REPEAT


def test_where_content_is_all_that_counts_empty_files_and_operations_keep_their_path() -> None:
    for fields in ({"size": 0}, {"file_op": {"remove": ""}}, {"fingerprint": None}):
        assert keys(DATA, rel_path="a/f", **fields)[0] != keys(DATA, rel_path="a/g", **fields)[0]


def test_a_name_that_was_renamed_away_can_be_used_again() -> None:
    history = note(None, claim_of(arrival(rel_path="old"), scope=PATHS))
    renamed = arrival(rel_path="new", file_op={"rename": "old"}, pub_time="20260101T000001")
    departure = departure_of(renamed, scope=PATHS)
    assert departure is not None
    assert departure.path == claim_of(arrival(rel_path="old"), scope=PATHS).path
    history = note(history, departure)
    again = claim_of(arrival(rel_path="old", pub_time="20260101T000002"), scope=PATHS)
    assert judge(history, again).verdict is NEWS


def test_only_a_rename_leaves_a_name_behind() -> None:
    assert departure_of(arrival(), scope=PATHS) is None
    assert departure_of(arrival(file_op={"link": "x"}), scope=PATHS) is None


def test_a_departure_that_came_too_late_is_not_noted() -> None:
    history = note(None, claim_of(arrival(rel_path="old", pub_time="20260101T000009"), scope=PATHS))
    departure = departure_of(arrival(rel_path="new", file_op={"rename": "old"}), scope=PATHS)
    assert departure is not None
    assert note(history, departure) is None
