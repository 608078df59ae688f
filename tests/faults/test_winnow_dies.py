"""A pump that lets each content through once dies, or is asked to end, at each point."""

from collections.abc import Iterator

import pytest
from deaths import deaths
from dying import Death
from stages import Stage, stage

from winnowry.runners.servers.management import Broker
from winnowry.schemas.post import Post

pytestmark = pytest.mark.e2e

POINTS = ("reserved", "published", "announced", "committed", "settled")


@pytest.fixture(scope="module")
def winnow(rabbitmq: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(rabbitmq, tmp_path_factory.mktemp("winnow"), "winnow", ", to: xpublic") as made:
        yield made


@pytest.mark.parametrize("death", deaths(POINTS, in_short=["announced-SIGKILL"]))
def test_each_content_is_announced_and_what_is_announced_again_is_the_same(winnow: Stage, death: Death) -> None:
    files = winnow.plant()
    winnow.watch()
    posts = winnow.announce("alice", files, "http://a.example.org/") | winnow.announce("bob", files, "http://b.example.org/")
    winnow.die(death)
    winnow.live_on(posts, reported=False)
    announced = {(post.rel_path, post.fingerprint) for post in winnow.heard("xpublic") if isinstance(post, Post)}
    assert len(announced) == len(files)
    assert {path for path, _ in announced} == files.keys()
    assert winnow.heard("xl_feeder") == []
