"""A pump that fetches and announces dies, or is asked to end, at each point of an Arrival's life."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from deaths import deaths
from dying import POINTS, STORES, Death
from slow_server import slow_server
from stages import AILING, Stage, stage
from witness import Witness

from winnowry.runners.servers.management import Broker
from winnowry.runners.servers.nginx import FileServer
from winnowry.schemas.post import Post

pytestmark = pytest.mark.e2e

IN_SHORT = ("renamed-SIGKILL", "announced-SIGKILL", "committed-SIGKILL", "fetching-SIGTERM")


@pytest.fixture(scope="module")
def sarra(rabbitmq: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A pump whose files a consumer gets."""
    folder = tmp_path_factory.mktemp("sarra")
    (folder / "data").mkdir()
    with FileServer(folder / "data") as served:
        options = f', to: xpublic, fused: true, layout: "{{rel_path}}", base_url: "{served.url}", delays: [0.1s]'
        with stage(rabbitmq, folder, "sarra", options) as made:
            made.cluster.subscribe("carol", carol(made))
            made.cluster.exchange_is_read("xpublic")
            yield made


def carol(sarra: Stage) -> Path:
    return sarra.cluster.file.parent / "carol"


@pytest.mark.parametrize("death", deaths([*POINTS, *STORES], in_short=IN_SHORT))
def test_every_file_is_announced_and_arrives_once_and_whole_and_is_reported(sarra: Stage, death: Death) -> None:
    files = sarra.plant()
    with (
        slow_server(sarra.tree, pause=0.004, ailing=AILING) as url,
        Witness(sarra.cluster.data, (sarra.folder,)) as pump,
        Witness(carol(sarra), (sarra.folder,)) as consumer,
    ):
        sarra.watch()
        posts = sarra.announce("alice", files, url) | sarra.announce("bob", list(files)[:-1:3], url)
        sarra.die(death)
        endings = sarra.live_on(posts)
        consumer.wait(len(files))
    assert pump.digests == consumer.digests == {name: {digest} for name, digest in files.items()}
    assert pump.doubled == consumer.doubled == []
    assert set().union(*endings.values()) == {"announced", "repeat"}
    announced = {(post.rel_path, post.fingerprint) for post in sarra.heard("xpublic") if isinstance(post, Post)}
    assert len(announced) == len(files)
    assert {path for path, _ in announced} == files.keys()
