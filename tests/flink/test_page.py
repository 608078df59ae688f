"""The page on Flink is true: it goes on from the tutorial, in the same shell."""

from pathlib import Path

import pytest
from brokers import Vhost
from flink_jars import JARS
from pages import DOCS, places_of, shell_in

from winnowry.runners.servers.ports import free_port

pytestmark = [pytest.mark.flink, pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(1800)]


def pages() -> str:
    """Return the text whose commands are run."""
    tutorial, heading, _ = (DOCS / "tutorial.md").read_text().partition("\n## 6. ")
    assert heading
    return tutorial + (DOCS / "flink.md").read_text()


def test_the_commands_of_the_page_do_what_it_says(vhost: Vhost, tmp_path: Path) -> None:
    ports = {"8081": str(free_port()), "50000": str(free_port())}
    with shell_in(tmp_path) as shell:
        shell.follow(pages(), places_of(vhost) | ports | {"/srv/winnowry/build/flink/lib": str(JARS)})
