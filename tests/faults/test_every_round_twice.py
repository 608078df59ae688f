"""No step minds being done twice: an engine runs every round two times on the same Arrivals, and all ends as if once."""

from collections import Counter
from pathlib import Path

import pytest
from slow_server import slow_server
from stages import AILING, Stage, stage
from witness import Witness

from winnowry.runners.servers.management import Broker
from winnowry.schemas.post import Post

pytestmark = pytest.mark.e2e

FETCHING = ', delays: [0.1s], layout: "{rel_path}"'
OPTIONS = {
    "shovel": ", to: xpublic",
    "winnow": ", to: xpublic",
    "sarra": f', to: xpublic, fused: true, base_url: "https://ddi.example.org/"{FETCHING}',
    "subscribe": FETCHING,
}


def heard(pump: Stage) -> Counter[str]:
    """Return how often each path was announced."""
    return Counter(post.rel_path for post in pump.heard("xpublic") if isinstance(post, Post))


@pytest.mark.parametrize("kind", OPTIONS)
def test_each_announcement_is_made_once_and_each_file_appears_once(kind: str, rabbitmq: Broker, tmp_path: Path) -> None:
    with stage(rabbitmq, tmp_path, kind, OPTIONS[kind]) as pump:
        files = pump.plant()
        again = list(files)[:-1:3]
        with (
            slow_server(pump.tree, pause=0.004, ailing=AILING) as url,
            Witness(pump.cluster.data, (pump.folder,)) as disk,
        ):
            pump.watch()
            posts = pump.announce("alice", files, url) | pump.announce("bob", again, url)
            fetching = kind in ("sarra", "subscribe")
            pump.live_on(posts, reported=fetching, twice=True)
        once, twice = Counter(list(files)), Counter([*files, *again])
        assert heard(pump) == {"shovel": twice, "subscribe": Counter()}.get(kind, once)
        assert Counter(disk.names) == (once if fetching else Counter())
        assert disk.digests == ({name: {digest} for name, digest in files.items()} if fetching else {})
