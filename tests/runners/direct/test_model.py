"""Anything may happen, in any order: what the real pump does is what `promises.Promises` says."""

from base64 import b64encode
from hashlib import sha512

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from inbox import Inbox
from lives import LATER, Life, World
from msgspec import structs
from promises import Promises, Seen, Word
from relays import ALICE, BOB, DEAD, EDGES, HEARD, REPORTED, Died, a_file, announcement

from winnowry.io.dead import read_letter, resubmission
from winnowry.io.fake import FakeBroker
from winnowry.io.fake_site import Mishap
from winnowry.runners.direct.engine import UNSETTLED_FOR_AT_MOST
from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.post import Post
from winnowry.schemas.report import Report
from winnowry.schemas.v03 import read_v03

NAMES = {"alice": ALICE, "bob": BOB}
ANNOUNCERS, PATHS, CONTENTS = st.sampled_from(sorted(NAMES)), st.sampled_from("ab"), st.sampled_from("123")
ROUNDS = 2000
"""Turns after which a pump that is still busy must be going round in circles."""


def bytes_of(path: str, content: str) -> bytes:
    """All of the same size: nothing but the checksum tells them apart."""
    return f"{path} holds {content}, ".encode() * 5


SIZE = len(bytes_of("a", "1"))
WRITTEN = {bytes_of(path, content): content for path in "ab" for content in "123"}


class Pumping(RuleBasedStateMachine):
    """Drives the pump, and the model beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.sources = FakeBroker(self.world.server)
        self.promises = Promises()
        self.life = Life(self.world)
        self.archive = True
        self.words: dict[str, Word] = {}

    # -- what is said

    @initialize(archive=st.booleans())
    def begin(self, archive: bool) -> None:
        """Servers either keep each version under a URL of its own, or overwrite the last: then an old word is soon untrue."""
        self.archive = archive
        self.promises.troubled = not archive

    @rule(path=PATHS, content=CONTENTS)
    def change(self, path: str, content: str) -> None:
        self.promises.change(path, content)

    @precondition(lambda self: not self.world.server.blocked)
    @rule(name=ANNOUNCERS, path=PATHS)
    def say(self, name: str, path: str) -> None:
        if self.promises.truth.get(path):
            word = self.promises.say(name, path)
            self.world.site.contents[self.base_of(word) + path] = bytes_of(path, word.content)
            self.send(word)

    @precondition(lambda self: not self.world.server.blocked)
    @rule(path=PATHS, content=CONTENTS)
    def change_and_say_by_both(self, path: str, content: str) -> None:
        self.change(path, content)
        for name in NAMES:
            self.say(name, path)

    @precondition(lambda self: self.promises.words and not self.world.server.blocked)
    @rule(back=st.integers(1, 6))
    def send_again(self, back: int) -> None:
        word = self.promises.words[-min(back, len(self.promises.words))]
        self.promises.sent[word] += 1
        self.send(word)

    def send(self, word: Word) -> None:
        digest = b64encode(sha512(bytes_of(word.path, word.content)).digest()).decode()
        post = a_file(word.path, "", word.time, base_url=self.base_of(word))
        post = structs.replace(post, size=SIZE, fingerprint=Fingerprint(method="sha512", value=digest))
        self.words[post.pub_time] = word
        self.sources.publish([(None, announcement(post, NAMES[word.announcer]))], lambda _: None)

    def base_of(self, word: Word) -> str:
        return f"https://{word.announcer}.example.org/{word.time if self.archive else 'latest'}/"

    # -- what happens

    @rule(times=st.integers(1, 4))
    def turn(self, times: int) -> None:
        for _ in range(times):
            self.turned()

    @rule()
    def turn_once(self) -> None:
        self.turned()

    def turned(self) -> bool:
        """Turn the engine; False when there was nothing to do."""
        try:
            return self.life.engine.turn()
        except Died:
            self.die()
            return True

    @rule()
    def die(self) -> None:
        self.promises.died = True
        self.life.end()
        self.life = Life(self.world)

    @rule(calls=st.integers(0, 12), when=st.sampled_from(["before", "after"]))
    def be_about_to_die(self, calls: int, when: str) -> None:
        self.life.log.dies_at = len(self.life.log.calls) + calls, when

    @rule()
    def lose_the_connection(self) -> None:
        self.promises.lost = True
        self.life.broker.drop()

    @rule()
    def block_or_unblock(self) -> None:
        if self.world.server.blocked:
            self.world.server.unblock()
        else:
            self.world.server.block()

    @rule(queue=st.sampled_from([HEARD, REPORTED, DEAD, LATER[0]]))
    def let_a_queue_be_full_or_not(self, queue: str) -> None:
        self.world.server.full ^= {queue}

    @rule()
    def hold_or_lift(self) -> None:
        if any(hold["cause"] == "operator" for hold in self.life.engine.status()["holds"]):
            self.life.engine.lift()
        else:
            self.life.engine.hold("maintenance")

    @rule(mishap=st.sampled_from(Mishap))
    def let_a_request_go_wrong(self, mishap: Mishap) -> None:
        self.promises.troubled = True
        self.world.site.mishaps.append(mishap)

    @rule()
    def go_on_with_what_hangs(self) -> None:
        self.life.go_on()

    @rule(seconds=st.sampled_from([1, 11, 61, 700]))
    def pass_time(self, seconds: int) -> None:
        self.promises.lost |= seconds > UNSETTLED_FOR_AT_MOST  # what has waited longer is given back, and delivered again
        self.world.clock.now += seconds

    @precondition(lambda self: not self.world.server.blocked and LATER[0] not in self.world.server.full)
    @rule()
    def resubmit_dead_letters(self) -> None:
        inbox, now = Inbox(), int(self.world.clock() * 1e9)
        operator = FakeBroker(self.world.server)
        operator.consume(DEAD, 0, inbox.put)
        letters = [read_letter(delivery) for delivery in inbox.deliveries]
        copies = [resubmission(letter, now, account="feeder", pump="fuse") for letter in letters]
        operator.publish([(None, copy) for copy in copies], lambda _: None)
        operator.settle(inbox.deliveries)
        operator.close()
        self.promises.resubmitted += len(letters)

    # -- what is promised

    def seen(self) -> Seen:
        server = self.world.server
        heard = [read_v03(body) for body in server.bodies(HEARD)]
        reports = [report for body in server.bodies(REPORTED) if isinstance(report := read_v03(body), Report)]
        return Seen(
            heard=[self.words[post.pub_time] for post in heard if isinstance(post, Post)],
            ends=[(self.words[report.post.pub_time], ending_of(report)) for report in reports if report.post is not None],
            files=self.visible(),
        )

    def visible(self) -> dict[str, str]:
        return {path: WRITTEN.get(content, repr(content)) for path, content in self.world.files().items()}

    @invariant()
    def only_what_was_announced_is_visible(self) -> None:
        self.promises.only_what_was_announced_is_visible(self.visible())

    def teardown(self) -> None:
        self.life.log.dies_at = None
        self.world.server.full.clear()
        self.world.server.unblock()
        self.world.site.mishaps.clear()
        self.life.engine.lift()
        for name in NAMES:
            for path in self.promises.truth:
                while self.promises.lags(name, path):
                    self.say(name, path)
        self.finish()
        hidden = self.world.temporaries(self.life.memory.intended())
        intended = self.life.memory.intended()
        self.life.end()
        inputs = [body for edge in EDGES for body in self.world.server.bodies(edge.queue)]
        self.promises.kept(self.seen())
        assert (inputs, hidden, intended) == ([], set(), frozenset())
        self.world.folder.cleanup()

    def finish(self) -> None:
        """Let what hangs be answered, what is later come due, and what died be tried again, until nothing is left."""
        for _ in range(ROUNDS):
            if not (self.turned() or self.turned() or self.turned()):
                self.life.go_on()
                self.resubmit_dead_letters()
                if not self.life.left():
                    return
                self.pass_time(11)
        raise AssertionError(f"still busy after {ROUNDS} turns: {self.life.left()}")


def ending_of(report: Report) -> str:
    return report.reason if report.ending == "refused" else report.ending


TestPumping = Pumping.TestCase
TestPumping.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


@pytest.mark.long
@pytest.mark.timeout(900)
class TestPumpingForLong(Pumping.TestCase):
    settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
