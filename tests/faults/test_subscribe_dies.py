"""A delivery into a folder, whose owner takes every file away at once, dies or is asked to end at each point."""

from collections import Counter
from collections.abc import Iterator

import pytest
from deaths import deaths
from dying import Death
from slow_server import slow_server
from stages import AILING, Stage, stage
from witness import Witness

from winnowry.runners.servers.management import Broker

pytestmark = pytest.mark.e2e

POINTS = ("reserved", "fetching", "written", "intent", "renamed", "committed", "reported", "settled")


@pytest.fixture(scope="module")
def delivery(rabbitmq: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(rabbitmq, tmp_path_factory.mktemp("subscribe"), "subscribe", ", delays: [0.1s]") as made:
        yield made


@pytest.mark.parametrize("death", deaths(POINTS, in_short=["renamed-SIGKILL"]))
def test_who_takes_files_away_gets_each_once_and_whole(delivery: Stage, death: Death) -> None:
    files = delivery.plant()
    with (
        slow_server(delivery.tree, pause=0.004, ailing=AILING) as url,
        Witness(delivery.cluster.data, (delivery.folder,), takes=True) as owner,
    ):
        delivery.watch(owner)
        posts = delivery.announce("alice", files, url) | delivery.announce("bob", list(files)[:-1:3], url)
        delivery.die(death)
        endings = delivery.live_on(posts)
    assert Counter(owner.names) == Counter(list(files))
    assert owner.digests == {name: {digest} for name, digest in files.items()}
    assert set().union(*endings.values()) == {"delivered", "repeat"}
