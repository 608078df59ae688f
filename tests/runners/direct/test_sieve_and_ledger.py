"""Random announcements of two sources, with lost connections, deaths and blocked brokers: nothing is lost or doubled."""

from collections.abc import Iterable
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from arrivals import an_arrival
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace
from relays import ALICE, BOB, EDGES, HEARD, Relay, a_file, a_station, announcement, said

from winnowry.io.fake import FakeBroker
from winnowry.schemas.edge import InputEdge
from winnowry.schemas.history import History
from winnowry.schemas.post import Post
from winnowry.transforms.winnow import Scope, Verdict, claim_of, judge, note


def by_path(news: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, content in news:
        found.setdefault(path, []).append(content)
    return found


class Pumping(RuleBasedStateMachine):
    """The model judges each Post at once, in the order of announcing; the pump may take its time, lose and repeat itself."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.server = a_station()
        self.sources = FakeBroker(self.server)
        self.times = count(1)
        self.posts: list[tuple[Post, InputEdge]] = []
        self.model: dict[bytes, History] = {}
        self.news: list[tuple[str, str]] = []
        self.died = False
        self.relay = self.begin()

    def begin(self) -> Relay:
        return Relay(self.server, Path(self.folder.name) / "memory", limit=3)

    def judge(self, post: Post, edge: InputEdge) -> None:
        claim = claim_of(replace(an_arrival(edge), post=post), scope=Scope())
        before = self.model.get(claim.path)
        if judge(before, claim).verdict is Verdict.NEWS:
            self.news.append(word_of(post))
        self.model[claim.path] = note(before, claim) or self.model[claim.path]

    @precondition(lambda self: not self.server.blocked)
    @rule(edge=st.sampled_from(EDGES), path=st.sampled_from("ab"), content=st.sampled_from("123"))
    def announce(self, edge: InputEdge, path: str, content: str) -> None:
        post = a_file(path, content, next(self.times))
        self.posts.append((post, edge))
        self.judge(post, edge)
        self.sources.publish([(None, announcement(post, edge))], lambda _: None)

    @precondition(lambda self: not self.server.blocked)
    @rule(path=st.sampled_from("ab"), content=st.sampled_from("123"))
    def announce_by_both(self, path: str, content: str) -> None:
        for edge in (ALICE, BOB):
            self.announce(edge, path, content)

    @precondition(lambda self: self.posts and not self.server.blocked)
    @rule(back=st.integers(1, 4))
    def announce_again(self, back: int) -> None:
        post, edge = self.posts[-min(back, len(self.posts))]
        self.judge(post, edge)
        self.sources.publish([(None, announcement(post, edge))], lambda _: None)

    @rule()
    def turn(self) -> None:
        self.relay.turn()

    @rule()
    def block(self) -> None:
        self.server.block()

    @rule()
    def unblock(self) -> None:
        self.server.unblock()

    @rule()
    def lose_the_connection(self) -> None:
        self.relay.broker.drop()

    @rule()
    def die_and_begin_anew(self) -> None:
        self.died = True
        self.relay.end()
        self.relay = self.begin()

    @invariant()
    def nothing_is_heard_that_was_not_announced(self) -> None:
        assert set(said(self.server.bodies(HEARD))) <= {word_of(post) for post, _ in self.posts}

    def teardown(self) -> None:
        self.server.unblock()
        self.relay.run()
        assert (self.relay.ledger.open, len(self.relay.ledger.parked), self.relay.inlet.waiting) == (0, 0, 0)
        self.relay.end()
        assert [body for edge in EDGES for body in self.server.bodies(edge.queue)] == []
        heard = said(self.server.bodies(HEARD))
        assert set(heard) == {word_of(post) for post, _ in self.posts}
        if not self.died:
            assert by_path(heard) == by_path(self.news)
        self.folder.cleanup()


def word_of(post: Post) -> tuple[str, str]:
    return post.rel_path, post.fingerprint.value if post.fingerprint else ""


TestPumping = Pumping.TestCase
TestPumping.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
